//! Numerical derivatives of a function of one variable, with error bars.
//!
//! * Central differences at four steps, each half of the one before, are extrapolated to step 0 by Neville's
//!   scheme in `h²` (L. F. Richardson, 1911; C. J. F. Ridders, 1982). The truncation error is estimated by the
//!   change between neighbours in the tableau.
//! * The rounding noise of the function is measured with a table of differences of equidistant values (J. J.
//!   Moré and S. M. Wild, "Estimating Computational Noise", 2011): differences of order `k` of a smooth
//!   function vanish, those of noise of deviation σ have variance `σ² (2k)! / (k!)²`.
//! * One-sided differences, extrapolated in `h`, tell a kink from a smooth point.

mod noise;
mod search;
mod window;

pub(super) use noise::noise;
pub(super) use search::{Finding, Judged, Search, Taken, search};
pub(super) use window::{Estimate, STEPS};
