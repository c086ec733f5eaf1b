//! Any bytes as a bbolt file.

use bbolt::Database;

/// Takes the bytes as a file, checks it and reads all of it in every way.
pub fn databases(bytes: &[u8]) {
    let Ok(database) = Database::from_source(Box::new(bytes.to_vec())) else { return };
    let report = database.check().expect("bytes in memory are always read");
    let mut counts = Vec::new();
    for name in database.bucket_names().unwrap_or_default() {
        let Ok(Some(bucket)) = database.bucket(&name) else { continue };
        let mut cursor = bucket.cursor();
        let mut count = 0;
        let mut last = Vec::new();
        while let Ok(Some(entry)) = cursor.next() {
            count += u64::from(!entry.is_bucket);
            last = entry.key.to_vec();
        }
        counts.push(count);
        let found = bucket.get(&last);
        assert!(!report.is_sound() || found.is_ok(), "a sound file answers each lookup");
    }
    // Keys of buckets in buckets are counted with those around them.
    let counted: Vec<u64> = report.buckets.iter().map(|bucket| bucket.keys).collect();
    let is_same = counts.len() == counted.len()
        && counts.iter().zip(&counted).all(|(read, counted)| read <= counted);
    assert!(!report.is_sound() || is_same, "a sound file reads back: {counts:?}, not {counted:?}");
}
