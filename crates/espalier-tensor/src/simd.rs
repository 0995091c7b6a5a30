//! Loops compiled for several widths of vector registers; the widest that the processor has is
//! chosen when the program runs.
//!
//! Wider registers change no bit of a result: elementwise operations are the same for any width,
//! reductions have a fixed layout, and a compiler that is told of AVX2 or AVX-512 still never
//! contracts a multiplication and an addition into one operation.

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
}

/// Functions compiled for every [`SimdLevel`], of which a call runs the widest that the processor
/// has. What they call has to be inlined (`#[inline(always)]`) to be compiled so.
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
        #[allow(unsafe_code, reason = "a function with target features is called")]
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

// By its module, as everything else.
pub(crate) use widest;

#[cfg(test)]
mod tests {
    use super::*;

    widest! {
        fn mix[][](x: &[f32], out: &mut [f32]) {
            out.iter_mut().zip(x).for_each(|(out, x)| *out = *out * 0.1 + x * 1.1);
        }
    }

    #[test]
    fn every_level_has_the_same_bits() {
        let x: Vec<f32> = (0..1003_u32).map(|i| (i * 7919 % 1009) as f32 / 97.0 - 5.0).collect();
        let at = |level: SimdLevel| {
            level.limit();
            let mut out = vec![1.0_f32; x.len()];
            mix(&x, &mut out);
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
