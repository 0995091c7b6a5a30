//! Loops compiled for several widths of vector registers; the widest that the processor has is
//! chosen when the program runs.
//!
//! Wider registers change no bit of a result: elementwise operations are the same for any width,
//! reductions have a fixed layout, and a compiler that is told of AVX2 or AVX-512 still never
//! contracts a multiplication and an addition into one operation.

#![expect(unsafe_code, reason = "functions with target features are unsafe to call from others")]

use core::sync::atomic::{AtomicU8, Ordering};

/// The widest level in use.
static LIMIT: AtomicU8 = AtomicU8::new(SimdLevel::Avx512 as u8);

/// Instructions that loops are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimdLevel {
    /// What every processor of the architecture has: SSE2 on x86-64, NEON on aarch64.
    Baseline,
    /// 256 bits, on x86-64.
    Avx2,
    /// 512 bits, on x86-64: the subsets F, BW, DQ and VL.
    Avx512,
}

impl core::fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Baseline => "baseline",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
        })
    }
}

impl SimdLevel {
    /// All levels, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Baseline, Self::Avx2, Self::Avx512];

    /// The widest that this processor has, up to [`SimdLevel::limit`]. Cost: a few atomic loads.
    #[must_use]
    #[inline]
    pub fn best() -> Self {
        let limit = LIMIT.load(Ordering::Relaxed);
        let fits = |level: &Self| *level as u8 <= limit && level.is_available();
        Self::ALL.into_iter().rev().find(fits).unwrap_or(Self::Baseline)
    }

    /// From now on, [`SimdLevel::best`] is at most this level, in the whole process. Results do not
    /// change; this exists to test that.
    pub fn limit(self) {
        LIMIT.store(self as u8, Ordering::Relaxed);
    }

    /// Whether this processor has these instructions.
    #[must_use]
    #[inline]
    pub fn is_available(self) -> bool {
        match self {
            Self::Baseline => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => std::arch::is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512bw")
                    && std::arch::is_x86_feature_detected!("avx512dq")
                    && std::arch::is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Runs `work`, of which everything that the compiler inlines into the closure uses these
    /// instructions. Where the processor lacks them, it runs with those that every one has.
    ///
    /// ```
    /// use espalier_tensor::SimdLevel;
    /// let (a, mut sum) = ([1.0_f32; 100], [0.5_f32; 100]);
    /// SimdLevel::best().run(|| sum.iter_mut().zip(&a).for_each(|(sum, a)| *sum += a));
    /// assert_eq!(sum, [1.5; 100]);
    /// ```
    #[inline]
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has the features, which was just asked.
            Self::Avx2 if self.is_available() => unsafe { x86::avx2(work) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Self::Avx512 if self.is_available() => unsafe { x86::avx512(work) },
            _ => work(),
        }
    }
}

/// Runs `work` on the widest registers that this processor has: see [`SimdLevel::run`].
#[inline]
pub fn on_widest<R>(work: impl FnOnce() -> R) -> R {
    SimdLevel::best().run(work)
}

/// Functions compiled for every [`SimdLevel`], of which a call runs the widest that the processor
/// has. Unlike in a closure for [`on_widest`], arguments stay arguments here: the compiler knows
/// that slices do not overlap, without which it gives up on many of them at once.
///
/// After the name come generic parameters, in brackets, and their names alone.
///
/// ```
/// espalier_tensor::widest! {
///     /// out + c x
///     fn add_scaled[T: Copy + std::ops::AddAssign + std::ops::Mul<Output = T>][T](
///         c: T,
///         x: &[T],
///         out: &mut [T],
///     ) {
///         out.iter_mut().zip(x).for_each(|(out, &x)| *out += c * x);
///     }
/// }
/// let mut out = [1.0; 3];
/// add_scaled(2.0, &[1.0, 2.0, 3.0], &mut out);
/// assert_eq!(out, [3.0, 5.0, 7.0]);
/// ```
#[macro_export]
macro_rules! widest {
    ($(
        $(#[$meta:meta])*
        $vis:vis fn $name:ident[$($generics:tt)*][$($names:ident),*](
            $($arg:ident: $type:ty),* $(,)?
        ) $body:block
    )*) => {$(
        $(#[$meta])*
        $vis fn $name<$($generics)*>($($arg: $type),*) {
            #[inline(always)]
            fn every<$($generics)*>($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2<$($generics)*>($($arg: $type),*) {
                every::<$($names),*>($($arg),*);
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512<$($generics)*>($($arg: $type),*) {
                every::<$($names),*>($($arg),*);
            }

            match $crate::SimdLevel::best() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the best level is one that the processor has.
                $crate::SimdLevel::Avx2 => unsafe { avx2::<$($names),*>($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                $crate::SimdLevel::Avx512 => unsafe { avx512::<$($names),*>($($arg),*) },
                _ => every::<$($names),*>($($arg),*),
            }
        }
    )*};
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[target_feature(enable = "avx2")]
    pub(super) fn avx2<R>(work: impl FnOnce() -> R) -> R {
        work()
    }

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn avx512<R>(work: impl FnOnce() -> R) -> R {
        work()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_has_the_same_bits() {
        let x: Vec<f32> = (0..1003_u32).map(|i| (i * 7919 % 1009) as f32 / 97.0 - 5.0).collect();
        let at = |level: SimdLevel| {
            let mut out = vec![1.0_f32; x.len()];
            level.run(|| out.iter_mut().zip(&x).for_each(|(out, x)| *out = *out * 0.1 + x * 1.1));
            out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let levels: Vec<_> = SimdLevel::ALL.into_iter().map(at).collect();
        assert!(levels.iter().all(|bits| *bits == levels[0]));
        assert!(SimdLevel::Baseline.is_available());
        assert!(SimdLevel::best().is_available());
        SimdLevel::Baseline.limit();
        assert_eq!(SimdLevel::best(), SimdLevel::Baseline);
        SimdLevel::Avx512.limit();
    }
}
