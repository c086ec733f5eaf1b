//! Databases as etcd writes them, made without etcd.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use bbolt::{BuildOptions, Builder};
use ring::digest::{SHA256, digest};

/// A database with so many keys, each with a value of so many bytes.
pub(crate) fn database(keys: u64, value_bytes: usize) -> Vec<u8> {
    let mut builder = Builder::new(Cursor::new(Vec::new()), BuildOptions::default()).unwrap();
    builder.start_bucket(b"alarm", 0).unwrap();
    builder.start_bucket(b"key", 0).unwrap();
    for index in 0..keys {
        let revision = index + 2;
        let mut kv = Vec::new();
        bytes(&mut kv, 1, format!("/keys/{index:08}").as_bytes());
        for (field, number) in [(2, revision), (3, revision), (4, 1)] {
            varint(&mut kv, field << 3);
            varint(&mut kv, number);
        }
        bytes(&mut kv, 5, &vec![index as u8; value_bytes]);
        let mut key = revision.to_be_bytes().to_vec();
        key.push(b'_');
        key.extend([0; 8]);
        builder.put(&key, &kv).unwrap();
    }
    builder.start_bucket(b"meta", 0).unwrap();
    builder.put(b"consistent_index", &100_u64.to_be_bytes()).unwrap();
    builder.finish().unwrap().file.into_inner()
}

/// Writes a database with its hash behind it, as a snapshot is.
pub(crate) fn snapshot(path: &Path, database: &[u8]) {
    let hash = digest(&SHA256, database);
    fs::write(path, [database, hash.as_ref()].concat()).unwrap();
}

fn bytes(message: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(message, field << 3 | 2);
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}
