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
        self.run_beside::<B, B>(body)
    }

    /// Runs a body compiled for this level, in the codegen unit of `H`.
    #[inline]
    pub(super) fn run_beside<H, B: Body>(self, body: B) -> B::Output {
        match self.0 {
            Set::Portable => <H as Compiled<B>>::portable(body),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the pattern holds the proof that the processor has all instructions that the
            // function enables.
            Set::Avx512(_) if B::USES_512_BITS => unsafe { <H as Compiled<B>>::avx512(body) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: both patterns hold the proof of AVX2 and FMA.
            Set::Avx2Fma(_) | Set::Avx512(_) => unsafe { <H as Compiled<B>>::avx2_fma(body) },
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
            Set::Portable => CompiledLoop::<L>::portable(f, out, a, b),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in `run_beside`.
            Set::Avx512(_) if L::USES_512_BITS => unsafe {
                CompiledLoop::<L>::avx512(f, out, a, b);
            },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in `run_beside`.
            Set::Avx2Fma(_) | Set::Avx512(_) => unsafe {
                CompiledLoop::<L>::avx2_fma(f, out, a, b);
            },
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
            Set::Portable => CompiledLoop4::<L>::portable(f, out, a, b, c, d),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in `run_beside`.
            Set::Avx2Fma(_) | Set::Avx512(_) => unsafe {
                CompiledLoop4::<L>::avx2_fma(f, out, a, b, c, d);
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

/// The functions that a body is inlined into, in the codegen unit of the module of `Self`.
///
/// rustc compiles a method with the module of the type that has it, and a generic function with the module that
/// defines it. Functions of this module would all be in one codegen unit, with half of the crate's code, and one
/// thread would compile it. Nor is any of them inlined: it would be compiled again in each unit that calls it.
trait Compiled<B: Body> {
    #[inline(never)]
    fn portable(body: B) -> B::Output {
        body.run::<BASELINE_FMA>()
    }

    /// # Safety
    /// The processor has the instructions.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2_fma(body: B) -> B::Output {
        body.run::<true>()
    }

    /// # Safety
    /// The processor has the instructions.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
    unsafe fn avx512(body: B) -> B::Output {
        body.run::<true>()
    }
}

impl<H, B: Body> Compiled<B> for H {}

/// Runs a body compiled for AVX-512 alone, in the codegen unit of `H`.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn run_avx512<H, B: Body>(_: Avx512, body: B) -> B::Output {
    // SAFETY: the argument proves that the processor has all instructions that the function enables.
    unsafe { <H as Compiled<B>>::avx512(body) }
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

/// As [`Compiled`], of a loop with the function `Self`.
trait CompiledLoop<L: Loop<Function = Self>> {
    #[inline(never)]
    fn portable(&self, out: &mut [L::Out], a: &[L::A], b: &[L::B]) {
        L::run(self, out, a, b);
    }

    /// # Safety
    /// The processor has the instructions.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2_fma(&self, out: &mut [L::Out], a: &[L::A], b: &[L::B]) {
        L::run(self, out, a, b);
    }

    /// # Safety
    /// The processor has the instructions.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
    unsafe fn avx512(&self, out: &mut [L::Out], a: &[L::A], b: &[L::B]) {
        L::run(self, out, a, b);
    }
}

impl<F, L: Loop<Function = F>> CompiledLoop<L> for F {}

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

/// As [`CompiledLoop`].
trait CompiledLoop4<L: Loop4<Function = Self>> {
    #[inline(never)]
    fn portable(&self, out: &mut [L::Out], a: &[L::A], b: &[L::B], c: &[L::C], d: &[L::D]) {
        L::run(self, out, a, b, c, d);
    }

    /// # Safety
    /// The processor has the instructions.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2_fma(&self, out: &mut [L::Out], a: &[L::A], b: &[L::B], c: &[L::C], d: &[L::D]) {
        L::run(self, out, a, b, c, d);
    }
}

impl<F, L: Loop4<Function = F>> CompiledLoop4<L> for F {}
