//! Files that the builder writes read back whole, and no bytes make the reader panic or hang.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::Cursor as Buffer;

use bbolt::{BuildOptions, Builder, Database, Error};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

type Keys = BTreeMap<Vec<u8>, Vec<u8>>;
type Buckets = BTreeMap<Vec<u8>, Keys>;

fn build(buckets: &Buckets, options: BuildOptions) -> Vec<u8> {
    let mut builder = Builder::new(Buffer::new(Vec::new()), options).unwrap();
    for (name, keys) in buckets {
        builder.start_bucket(name, 7).unwrap();
        for (key, value) in keys {
            builder.put(key, value).unwrap();
        }
    }
    let built = builder.finish().unwrap();
    let bytes = built.file.into_inner();
    assert_eq!(bytes.len() as u64, built.size_bytes);
    bytes
}

fn open(bytes: Vec<u8>) -> Result<Database, Error> {
    Database::from_source(Box::new(bytes))
}

/// Everything that any way of reading finds; damage ends a way early, and nothing panics.
fn read(database: &Database) -> Buckets {
    let mut found = Buckets::new();
    for name in database.bucket_names().unwrap_or_default() {
        let Ok(Some(bucket)) = database.bucket(&name) else { continue };
        let keys = found.entry(name).or_default();
        let mut cursor = bucket.cursor();
        while let Ok(Some(entry)) = cursor.next() {
            keys.insert(entry.key.to_vec(), entry.value.to_vec());
        }
        let _ = bucket.get(b"some key");
    }
    found
}

fn number(index: u32) -> Vec<u8> {
    index.to_be_bytes().to_vec()
}

/// Three levels of small pages, a value over many pages, an inline bucket, an empty one.
fn sample() -> Buckets {
    let many: Keys = (0..600).map(|index| (number(index), vec![index as u8; 40])).collect();
    let large: Keys = [(b"a".to_vec(), vec![1; 5000]), (b"b".to_vec(), vec![2])].into();
    let small: Keys = [(b"k".to_vec(), b"v".to_vec())].into();
    [
        (b"empty".to_vec(), Keys::new()),
        (b"large".to_vec(), large),
        (b"many".to_vec(), many),
        (b"small".to_vec(), small),
    ]
    .into()
}

const SMALL_PAGES: BuildOptions = BuildOptions { page_size: 512, fill: 0.9 };

#[test]
fn a_file_of_every_kind_of_page_is_sound_and_counted() {
    let buckets = sample();
    let database = open(build(&buckets, SMALL_PAGES)).unwrap();
    assert_eq!(read(&database), buckets);
    let report = database.check().unwrap();
    assert_eq!(report.problems, []);
    let names: Vec<&[u8]> = report.buckets.iter().map(|bucket| bucket.name.as_slice()).collect();
    assert_eq!(names, [&b"empty"[..], b"large", b"many", b"small"]);
    assert_eq!(report.buckets.iter().map(|bucket| bucket.keys).collect::<Vec<_>>(), [0, 2, 600, 1]);
    assert_eq!(report.buckets[2].depth, 3);
    assert!(report.buckets[1].overflow_pages >= 9);
    assert_eq!((report.buckets[0].depth, report.buckets[3].depth), (0, 0), "inline");
    assert_eq!(report.used_pages + report.free_pages, database.meta().page_count);
    assert_eq!(database.bucket(b"many").unwrap().unwrap().sequence(), 7);
    assert!(database.bucket(b"other").unwrap().is_none());
}

#[test]
fn a_lookup_finds_each_key_and_no_other() {
    let database = open(build(&sample(), SMALL_PAGES)).unwrap();
    let bucket = database.bucket(b"many").unwrap().unwrap();
    for index in 0..600 {
        assert_eq!(bucket.get(&number(index)).unwrap(), Some(vec![index as u8; 40]));
    }
    assert_eq!(bucket.get(&number(600)).unwrap(), None);
    assert_eq!(bucket.get(b"\0").unwrap(), None);
    let mut cursor = bucket.cursor();
    cursor.seek(&[0, 0, 1, 5, 9]).unwrap();
    assert_eq!(cursor.next().unwrap().unwrap().key, number(0x106));
    cursor.seek(&number(600)).unwrap();
    assert_eq!(cursor.next().unwrap(), None);
}

#[test]
fn what_no_file_can_hold_is_refused_by_the_builder() {
    let new = || Builder::new(Buffer::new(Vec::new()), BuildOptions::default()).unwrap();
    let mut builder = new();
    assert!(builder.put(b"k", b"v").is_err(), "no bucket yet");
    builder.start_bucket(b"b", 0).unwrap();
    assert!(builder.put(b"", b"v").is_err());
    assert!(builder.put(&vec![1; bbolt::MAX_KEY_BYTES + 1], b"v").is_err());
    builder.put(b"k", b"v").unwrap();
    assert!(builder.put(b"k", b"v").is_err(), "twice");
    assert!(builder.put(b"j", b"v").is_err(), "out of order");
    assert!(builder.start_bucket(b"a", 0).is_err());
    for page_size in [0, 100, 4095, 1 << 17] {
        let options = BuildOptions { page_size, fill: 0.9 };
        assert!(Builder::new(Buffer::new(Vec::new()), options).is_err());
    }
    let options = BuildOptions { page_size: 4096, fill: f64::NAN };
    assert!(Builder::new(Buffer::new(Vec::new()), options).is_err());
}

#[test]
fn a_file_that_ends_early_is_refused() {
    let bytes = build(&sample(), SMALL_PAGES);
    for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        let error = open(bytes[..length].to_vec()).unwrap_err();
        assert!(error.is_damage(), "{length}: {error}");
    }
}

#[test]
fn an_unfinished_file_is_refused() {
    let mut bytes = build(&sample(), SMALL_PAGES);
    bytes[..1024].fill(0);
    let error = open(bytes).unwrap_err().to_string();
    assert!(error.contains("magic number"), "{error}");
}

#[test]
fn a_file_with_one_torn_meta_is_read_by_the_other() {
    for (torn, expected) in [(0, 0), (512, 1)] {
        let mut bytes = build(&sample(), SMALL_PAGES);
        bytes[torn + 40] ^= 1;
        let database = open(bytes).unwrap();
        assert_eq!(database.torn_meta().map(|(page, _)| page), Some(expected));
        assert_eq!(read(&database), sample());
    }
}

#[test]
fn no_flipped_bit_makes_the_reader_panic_or_hang_and_those_in_structure_are_told() {
    let original = build(&sample(), SMALL_PAGES);
    let mut random = fastrand::Rng::with_seed(1);
    let mut noticed = 0;
    for _ in 0..500 {
        let mut bytes = original.clone();
        let at = random.usize(1024..bytes.len());
        bytes[at] ^= 1 << random.u32(0..8);
        let Ok(database) = open(bytes) else { continue };
        read(&database);
        noticed += u32::from(!database.check().unwrap().is_sound());
    }
    assert!(noticed > 40, "{noticed}");
    // Number, type and overflow in each page's header; a count that is lower is a page with fewer
    // keys, and nothing in the format tells.
    for page in (2..original.len() / 512).filter(|page| original[page * 512] == *page as u8) {
        for bit in (0..80).chain(96..128).step_by(5) {
            let mut bytes = original.clone();
            bytes[page * 512 + bit / 8] ^= 1 << (bit % 8);
            let report = open(bytes).unwrap().check().unwrap();
            assert!(!report.is_sound(), "page {page} bit {bit}");
        }
    }
}

/// Puts numbers over a page's bytes.
fn patch(bytes: &mut [u8], at: usize, with: &[u8]) {
    bytes[at..at + with.len()].copy_from_slice(with);
}

/// The number of the first page with these flags.
fn first(bytes: &[u8], flags: u8) -> usize {
    (2..bytes.len() / 512)
        .find(|page| bytes[page * 512] == *page as u8 && bytes[page * 512 + 8] == flags)
        .unwrap()
}

#[test]
fn pages_in_a_circle_and_absurd_counts_are_told_with_their_page() {
    let original = build(&sample(), SMALL_PAGES);
    let branch = first(&original, 1);
    let leaf = first(&original, 2);
    let cases: [(&str, usize, Vec<u8>, &str); 7] = [
        ("own child", branch * 512 + 24, (branch as u64).to_le_bytes().to_vec(), "references"),
        ("child far away", branch * 512 + 24, u64::MAX.to_le_bytes().to_vec(), "out of bounds"),
        ("child is a meta", branch * 512 + 24, 1_u64.to_le_bytes().to_vec(), "meta page"),
        ("count", leaf * 512 + 10, vec![0xFF, 0xFF], "cannot hold the 65535 elements"),
        ("overflow", leaf * 512 + 12, vec![0xFF; 4], "reaches beyond"),
        ("key size", leaf * 512 + 24, vec![0xFF; 4], "lies outside"),
        ("empty key", leaf * 512 + 24, vec![0; 4], "empty key"),
    ];
    for (what, at, with, expected) in cases {
        let mut bytes = original.clone();
        patch(&mut bytes, at, &with);
        let database = open(bytes).unwrap();
        read(&database);
        let problems = database.check().unwrap().problems;
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(text.iter().any(|text| text.contains(expected)), "{what}: {text:?}");
    }
}

#[test]
fn a_tree_whose_branches_share_all_children_is_not_walked_for_ever() {
    // Each branch page points twice to the next: 2^40 ways down, were each to be walked.
    let page = |id: u64, flags: u16, count: u16| {
        let mut page = Vec::new();
        page.extend(id.to_le_bytes());
        page.extend(flags.to_le_bytes());
        page.extend(count.to_le_bytes());
        page.extend([0; 4]);
        page
    };
    let mut bytes = build(&Buckets::new(), SMALL_PAGES)[..1024].to_vec();
    for id in 2..42_u64 {
        let mut branch = page(id, 1, 2);
        for (offset, child) in [(32_u32, id + 1), (17, id + 1)] {
            branch.extend(offset.to_le_bytes());
            branch.extend(1_u32.to_le_bytes());
            branch.extend(child.to_le_bytes());
        }
        branch.extend(b"ab");
        branch.resize(512, 0);
        bytes.extend(branch);
    }
    bytes.extend(page(42, 2, 0));
    bytes.resize(43 * 512 + 512, 0);
    // The metas of a file whose root is page 2, made with a checksum of our own.
    for (copy, transaction) in [(0, 2_u64), (512, 1)] {
        let meta = copy + 16;
        patch(&mut bytes, meta + 16, &2_u64.to_le_bytes());
        patch(&mut bytes, meta + 32, &u64::MAX.to_le_bytes());
        patch(&mut bytes, meta + 40, &44_u64.to_le_bytes());
        patch(&mut bytes, meta + 48, &transaction.to_le_bytes());
        let sum = bytes[meta..meta + 56].iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3)
        });
        patch(&mut bytes, meta + 56, &sum.to_le_bytes());
    }
    let database = open(bytes).unwrap();
    let error = database.bucket_names().unwrap_err().to_string();
    assert!(error.contains("circle"), "{error}");
    assert!(!database.check().unwrap().is_sound());
}

fn buckets() -> impl Strategy<Value = Buckets> {
    let value = prop_oneof![4 => vec(any::<u8>(), 0..40), 1 => vec(any::<u8>(), 400..3000)];
    btree_map(vec(any::<u8>(), 1..6), btree_map(vec(any::<u8>(), 1..20), value, 0..60), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_buckets_read_back(
        buckets in buckets(),
        page_size in prop_oneof![Just(512), Just(4096), Just(65536)],
        fill in 0.1..1.0,
    ) {
        let database = open(build(&buckets, BuildOptions { page_size, fill })).unwrap();
        prop_assert_eq!(database.check().unwrap().problems, []);
        prop_assert_eq!(read(&database), buckets);
    }

    #[test]
    fn any_bytes_in_place_of_pages_are_survived(
        buckets in buckets(),
        at in 1024_usize..8000,
        with in vec(any::<u8>(), 1..600),
    ) {
        let mut bytes = build(&buckets, SMALL_PAGES);
        let end = (at + with.len()).min(bytes.len());
        if at < end {
            bytes[at..end].copy_from_slice(&with[..end - at]);
        }
        let database = open(bytes).unwrap();
        read(&database);
        database.check().unwrap();
    }

    #[test]
    fn any_bytes_at_all_are_survived(bytes in vec(any::<u8>(), 0..4000)) {
        prop_assert!(open(bytes).is_err());
    }
}
