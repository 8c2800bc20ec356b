//! Gradients reach input vectors and latents: autograd against finite differences, in float64.

use candle_core::{DType, Device, Tensor, Var};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use unargmax::transformer::{Batch, Mask, Options, Transformer};

use super::fixture::{MODELS, numbers, open, source};

const LENGTH: usize = 5;
const STEP: f64 = 1e-5;

fn random(shape: &[usize], random: &mut ChaCha8Rng) -> Tensor {
    let numbers: Vec<f64> =
        (0..shape.iter().product()).map(|_| random.random_range(-1.0..1.0)).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
}

/// A weighted sum of all logits.
fn loss(model: &Transformer, batch: &Batch, weights: &Tensor) -> Tensor {
    let logits = model.forward(batch).unwrap().logits;
    (logits * weights).unwrap().sum_all().unwrap()
}

fn value(loss: &Tensor) -> f64 {
    loss.to_scalar().unwrap()
}

/// Compares the derivatives of `f` at `at` with the gradient, for some coordinates.
fn compare(name: &str, at: &Tensor, gradient: &Tensor, f: impl Fn(&Tensor) -> f64) {
    let (point, gradient) = (numbers(at), numbers(gradient));
    let size = gradient.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    assert!(size > 1e-6, "{name}: no gradient arrives");
    for coordinate in (0..point.len()).step_by(7) {
        let moved = |by: f64| {
            let mut point = point.clone();
            point[coordinate] += by;
            f(&Tensor::from_vec(point, at.shape(), &Device::Cpu).unwrap())
        };
        let slope = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        let apart = (slope - gradient[coordinate]).abs();
        let bound = 1e-2 * slope.abs().max(1e-3 * size);
        assert!(apart <= bound, "{name} {coordinate}: {slope} and {}", gradient[coordinate]);
    }
}

#[test]
fn the_gradient_of_an_input_vector_is_its_finite_difference_in_every_family() {
    for name in MODELS {
        let model = open(name, Options { dtype: DType::F64, ..Options::default() });
        let mut seed = ChaCha8Rng::seed_from_u64(5);
        let configuration = model.configuration();
        let shape = [1, LENGTH, configuration.input_width];
        let vectors = Var::from_tensor(&random(&shape, &mut seed)).unwrap();
        let weights = random(&[1, LENGTH, configuration.tokens], &mut seed);
        let read = configuration.has_encoder().then(|| source(&model, vec![3, 5, 4], DType::F64));
        let with = |vectors: &Tensor| {
            let mut batch = Batch::vectors(vectors.clone());
            batch.source = read.clone();
            batch
        };
        let result = loss(&model, &with(vectors.as_tensor()), &weights);
        let gradients = result.backward().unwrap();
        let gradient = gradients.get(vectors.as_tensor()).expect("a gradient");
        compare(name, vectors.as_tensor(), gradient, |v| value(&loss(&model, &with(v), &weights)));
    }
}

#[test]
fn the_gradient_of_a_latent_is_its_finite_difference() {
    let model = open("bert", Options { dtype: DType::F64, ..Options::default() });
    let mut seed = ChaCha8Rng::seed_from_u64(6);
    let (width, tokens) = (model.configuration().width, model.configuration().tokens);
    let latents: Vec<Tensor> =
        (0..model.blocks()).map(|_| random(&[1, width], &mut seed)).collect();
    let weights = random(&[1, LENGTH, tokens], &mut seed);
    for layer in 0..model.blocks() {
        let latent = Var::from_tensor(&latents[layer]).unwrap();
        let with = |latent: &Tensor| {
            let mut batch = Batch::ids(vec![(20..20 + LENGTH as u32).collect()])
                .masked(Mask::Latent { source: 2 });
            let mut latents = latents.clone();
            latents[layer] = latent.clone();
            batch.latents = Some(latents);
            batch
        };
        let result = loss(&model, &with(latent.as_tensor()), &weights);
        let gradients = result.backward().unwrap();
        let gradient = gradients.get(latent.as_tensor()).expect("a gradient");
        compare("latent", latent.as_tensor(), gradient, |l| {
            value(&loss(&model, &with(l), &weights))
        });
    }
}
