//! Compiles our `.proto` files into message types; no protoc is needed.

use std::path::Path;

/// Files that nothing else imports; the others come in through them.
const ROOTS: [&str; 6] = [
    "etcdserverpb/kv.proto",
    "etcdserverpb/watch.proto",
    "etcdserverpb/lease.proto",
    "etcdserverpb/cluster.proto",
    "etcdserverpb/maintenance.proto",
    "etcdserverpb/auth.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(ROOTS, [Path::new("proto")])?;
    // Keys and values are slices of the received frame instead of copies.
    prost_build::Config::new().bytes(["."]).compile_fds(descriptors)?;
    Ok(())
}
