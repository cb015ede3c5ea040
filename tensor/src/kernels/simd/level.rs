//! Instruction sets, detected at run time, and code that is compiled once for each of them.
//!
//! A body is written once, over arrays of constant size, and inlined into a function that enables the
//! instructions; LLVM turns the arrays into registers.

/// The instructions that a kernel may use.
///
/// A value other than [`PORTABLE`](Self::PORTABLE) exists only if the processor has the instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2Fma(Avx2Fma),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

/// Proof that the processor has AVX2 and FMA: only `detect` makes a value.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx2Fma(());

#[cfg(target_arch = "x86_64")]
impl Avx2Fma {
    fn detect() -> Option<Self> {
        use std::arch::is_x86_feature_detected as has;
        (has!("avx2") && has!("fma")).then_some(Self(()))
    }
}

/// Proof that the processor has AVX2, FMA and AVX-512 F, VL, BW and DQ: values are made by detection
/// alone.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx512(Avx2Fma);

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    fn detect() -> Option<Self> {
        use std::arch::is_x86_feature_detected as has;
        let narrow = Avx2Fma::detect()?;
        let has_all = has!("avx512f") && has!("avx512vl") && has!("avx512bw") && has!("avx512dq");
        has_all.then_some(Self(narrow))
    }
}

/// Whether the baseline of this target multiplies and adds in one instruction.
///
/// Elsewhere `mul_add` calls the C library, which is forty times slower than two instructions.
pub(super) const BASELINE_FMA: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

impl Level {
    /// What every processor of the target has.
    pub const PORTABLE: Self = Self(Set::Portable);

    /// The best level of this processor.
    #[must_use]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(proof) = Avx512::detect() {
                return Self(Set::Avx512(proof));
            }
            if let Some(proof) = Avx2Fma::detect() {
                return Self(Set::Avx2Fma(proof));
            }
        }
        Self::PORTABLE
    }

    /// Every level of this processor, best first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let best = Self::best();
        let mut levels = vec![best];
        for level in [best.without_512_bits(), Self::PORTABLE] {
            if !levels.contains(&level) {
                levels.push(level);
            }
        }
        levels
    }

    /// Whether there are 32 registers of 512 bits.
    #[must_use]
    pub fn has_512_bits(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return matches!(self.0, Set::Avx512(_));
        #[cfg(not(target_arch = "x86_64"))]
        return false;
    }

    /// The same level, or the one below if this one has registers of 512 bits.
    #[must_use]
    pub(crate) fn without_512_bits(self) -> Self {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(Avx512(narrow)) => Self(Set::Avx2Fma(narrow)),
            _ => self,
        }
    }

    /// The proof of AVX2 and FMA, if the level has them.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn avx2_fma(self) -> Option<Avx2Fma> {
        match self.0 {
            Set::Portable => None,
            Set::Avx2Fma(proof) | Set::Avx512(Avx512(proof)) => Some(proof),
        }
    }

    /// The proof of AVX-512, if the level has it.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn avx512(self) -> Option<Avx512> {
        match self.0 {
            Set::Avx512(proof) => Some(proof),
            Set::Portable | Set::Avx2Fma(_) => None,
        }
    }

    /// Whether a multiply-add is one instruction with one rounding.
    #[must_use]
    pub fn fuses(self) -> bool {
        self != Self::PORTABLE || BASELINE_FMA
    }

    /// The level's name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2Fma(_) => "avx2+fma",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => "avx512",
        }
    }

    /// Runs a body compiled for this level.
    #[inline]
    pub(crate) fn run<B: Body>(self, body: B) -> B::Output {
        match self.0 {
            Set::Portable => body.run::<BASELINE_FMA>(),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the pattern holds the proof that the processor has all instructions that the
            // function enables.
            Set::Avx512(_) if B::USES_512_BITS => unsafe { avx512(body) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: both patterns hold the proof of AVX2 and FMA.
            Set::Avx2Fma(_) | Set::Avx512(_) => unsafe { avx2_fma(body) },
        }
    }

    /// Runs a loop over slices compiled for this level.
    #[inline]
    pub(crate) fn run_loop<L: Loop>(
        self,
        f: &L::Function,
        out: &mut [L::Out],
        a: &[L::A],
        b: &[L::B],
    ) {
        match self.0 {
            Set::Portable => L::run(f, out, a, b),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in `run`.
            Set::Avx512(_) if L::USES_512_BITS => unsafe { avx512_loop::<L>(f, out, a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in `run`.
            Set::Avx2Fma(_) | Set::Avx512(_) => unsafe { avx2_fma_loop::<L>(f, out, a, b) },
        }
    }

    /// As [`run_loop`](Self::run_loop), over four slices that are read.
    #[inline]
    pub(crate) fn run_loop4<L: Loop4>(
        self,
        f: &L::Function,
        out: &mut [L::Out],
        reads: (&[L::A], &[L::B], &[L::C], &[L::D]),
    ) {
        let (a, b, c, d) = reads;
        match self.0 {
            Set::Portable => L::run(f, out, a, b, c, d),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in `run`.
            Set::Avx2Fma(_) | Set::Avx512(_) => unsafe {
                avx2_fma_loop4::<L>(f, out, a, b, c, d);
            },
        }
    }
}

/// Work that is compiled once per level.
///
/// `run` must be `#[inline(always)]`, and so must every function that it calls in its loops: a function that is
/// not inlined is compiled for the baseline of the target.
pub(crate) trait Body {
    /// What the work returns.
    type Output;

    /// Whether the work is compiled for registers of 512 bits too. If not, processors that have them
    /// run the code for 256 bits.
    const USES_512_BITS: bool = false;

    /// Does the work; `FMA` is whether `mul_add` is an instruction.
    fn run<const FMA: bool>(self) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2_fma<B: Body>(body: B) -> B::Output {
    body.run::<true>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
fn avx512<B: Body>(body: B) -> B::Output {
    body.run::<true>()
}

/// Runs a body compiled for AVX-512 alone.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn run_avx512<B: Body>(_: Avx512, body: B) -> B::Output {
    // SAFETY: the argument proves that the processor has all instructions that the function enables.
    unsafe { avx512(body) }
}

/// A loop over slices that is compiled once per level. `run` must be `#[inline(always)]`, and so must
/// every function that it calls.
///
/// Unlike in a [`Body`], the slices are arguments. LLVM can then assume that a write to `out` changes nothing
/// that the loop reads, such as variables borrowed by a closure (`noalias`). The function is an argument too: its
/// fields can then be read before the loop even if only one branch of it needs them (`dereferenceable`), and a
/// branch without loads becomes a selection in vectors. What a function reaches through a further reference
/// cannot, so functions own what they capture.
pub(crate) trait Loop {
    /// What is computed for each element.
    type Function;
    /// What is written.
    type Out;
    /// What is read.
    type A;
    /// What else is read.
    type B;

    /// Whether the loop is compiled for registers of 512 bits too.
    const USES_512_BITS: bool;

    /// Does the work.
    fn run(f: &Self::Function, out: &mut [Self::Out], a: &[Self::A], b: &[Self::B]);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2_fma_loop<L: Loop>(f: &L::Function, out: &mut [L::Out], a: &[L::A], b: &[L::B]) {
    L::run(f, out, a, b);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
fn avx512_loop<L: Loop>(f: &L::Function, out: &mut [L::Out], a: &[L::A], b: &[L::B]) {
    L::run(f, out, a, b);
}

/// As [`Loop`], over four slices that are read; for functions that are bound by memory, so not for 512 bits.
pub(crate) trait Loop4 {
    /// What is computed for each element.
    type Function;
    /// What is written.
    type Out;
    /// What is read.
    type A;
    /// What else is read.
    type B;
    /// What else is read.
    type C;
    /// What else is read.
    type D;

    /// Does the work.
    fn run(
        f: &Self::Function,
        out: &mut [Self::Out],
        a: &[Self::A],
        b: &[Self::B],
        c: &[Self::C],
        d: &[Self::D],
    );
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2_fma_loop4<L: Loop4>(
    f: &L::Function,
    out: &mut [L::Out],
    a: &[L::A],
    b: &[L::B],
    c: &[L::C],
    d: &[L::D],
) {
    L::run(f, out, a, b, c, d);
}
