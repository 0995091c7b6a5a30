//! The images, the ways to turn them, and the randomness that deals them out.

use espalier_identity::Digest;
use espalier_tensor::random::Stream;
use std::io::Read as _;

const SIDE: usize = 14;
pub(crate) const PIXELS: usize = SIDE * SIDE;
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/mnist/digits.gz");

const TEST: usize = 1000;
const VALIDATION: usize = 500;

/// An image with the digit that it shows.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    /// 0 to 1, row after row.
    pub(crate) pixels: [f32; PIXELS],
    pub(crate) class: usize,
}

impl Example {
    /// Turned about its middle; between pixels values are interpolated, and outside is black.
    pub(crate) fn turned(&self, degrees: f64) -> Self {
        let angle = degrees.to_radians();
        let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
        let middle = (SIDE - 1) as f64 / 2.0;
        let pixel = |place: usize| {
            let (y, x) = ((place / SIDE) as f64 - middle, (place % SIDE) as f64 - middle);
            self.between(cosine * y - sine * x + middle, sine * y + cosine * x + middle)
        };
        Self { pixels: core::array::from_fn(pixel), class: self.class }
    }

    fn between(&self, y: f64, x: f64) -> f32 {
        let (top, left) = (libm::floor(y), libm::floor(x));
        let (down, right) = ((y - top) as f32, (x - left) as f32);
        let at = |y: f64, x: f64| {
            let inside = 0.0..SIDE as f64;
            match inside.contains(&y) && inside.contains(&x) {
                true => self.pixels[y as usize * SIDE + x as usize],
                false => 0.0,
            }
        };
        let row = |y: f64| (1.0 - right) * at(y, left) + right * at(y, left + 1.0);
        (1.0 - down) * row(top) + down * row(top + 1.0)
    }
}

/// All images.
#[derive(Debug)]
pub(crate) struct Images(Vec<Example>);

impl Images {
    /// Reads the images of the repository.
    pub(crate) fn read() -> Self {
        let packed = std::fs::read(DATA).expect("the images of the repository");
        let mut bytes = Vec::new();
        let mut unpacked = flate2::read::GzDecoder::new(&packed[..]);
        unpacked.read_to_end(&mut bytes).expect("the images unpack");
        let example = |row: &[u8]| Example {
            pixels: core::array::from_fn(|place| f32::from(row[place]) / 255.0),
            class: row[PIXELS].into(),
        };
        Self(bytes.chunks_exact(PIXELS + 1).map(example).collect())
    }

    /// Parts for training, validation and test.
    pub(crate) fn dealt(&self, dice: &mut Dice) -> (Vec<Example>, Vec<Example>, Vec<Example>) {
        let mut train = self.0.clone();
        dice.shuffle(&mut train);
        let test = train.split_off(train.len() - TEST);
        let validation = train.split_off(train.len() - VALIDATION);
        (train, validation, test)
    }
}

/// Seeded chance.
#[derive(Debug)]
pub(crate) struct Dice {
    stream: Stream,
    next: u64,
}

impl Dice {
    pub(crate) fn new(purpose: &str, seed: u32, index: u32) -> Self {
        let key = format!("espalier quality {purpose} {seed} {index}");
        Self { stream: Stream::new(Digest::of_content(key.as_bytes())), next: 0 }
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.next += 1;
        ((u64::from(self.stream.u32_at(self.next)) * count as u64) >> 32) as usize
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }

    pub(crate) fn normal(&mut self, count: usize) -> Vec<f32> {
        let mut values = vec![0.0; count];
        self.stream.fill_normal(self.next, &mut values);
        self.next += count as u64;
        values
    }
}
