//! The fuzz targets on their seeds, and on mutations of them.

use std::path::Path;

/// Per target; a second's work for all of them together.
const MUTATIONS: usize = 2_000;

/// Feeds a target its seeds, then mutations of them.
fn run(name: &str, target: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let mut paths: Vec<_> = std::fs::read_dir(&directory)
        .expect("a directory of seeds")
        .map(|entry| entry.expect("a seed").path())
        .collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> =
        paths.iter().map(|path| std::fs::read(path).expect("a seed")).collect();
    assert!(!seeds.is_empty(), "no seeds in {}", directory.display());
    for seed in &seeds {
        target(seed);
    }
    // The same mutations every time: a failure can be repeated.
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..MUTATIONS {
        let mut bytes = random.choice(&seeds).expect("a seed").clone();
        for _ in 0..random.usize(1..6) {
            mutate(&mut bytes, &seeds, &mut random);
        }
        target(&bytes);
    }
}

/// Changes, removes, repeats or brings in a few bytes.
fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut fastrand::Rng) {
    let start = random.usize(0..=bytes.len());
    let end = (start + random.usize(0..16)).min(bytes.len());
    let piece: Vec<u8> = match random.u8(0..4) {
        0 => (start..end).map(|_| random.u8(..)).collect(),
        1 => Vec::new(),
        2 => bytes[start..end].repeat(random.usize(2..5)),
        _ => {
            let other = random.choice(seeds).map_or(&[][..], Vec::as_slice);
            let from = random.usize(0..=other.len());
            other[from..(from + random.usize(0..32)).min(other.len())].to_vec()
        }
    };
    bytes.splice(start..end, piece);
}

#[test]
fn pages_of_any_bytes_are_read_or_refused() {
    run("pages", fuzzing::pages);
}

#[test]
fn blocks_of_any_bytes_are_read_or_refused() {
    run("blocks", fuzzing::blocks);
}

#[test]
fn databases_of_any_bytes_are_read_or_refused() {
    run("databases", fuzzing::databases);
}

#[test]
fn queries_of_any_bytes_are_evaluated_or_refused() {
    run("queries", fuzzing::queries);
}
