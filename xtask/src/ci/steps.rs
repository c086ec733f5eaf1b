//! The steps of a full run, in the order in which their failures are cheapest to learn of.

use super::Extent;

/// One thing to do.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) act: Act,
}

/// How it is done.
pub(super) enum Act {
    Tidy,
    Suites,
    Command {
        program: &'static str,
        arguments: Vec<&'static str>,
        environment: Vec<(&'static str, &'static str)>,
    },
}

pub(super) fn steps(extent: Extent) -> Vec<Step> {
    let mut steps = vec![
        command("format", "cargo fmt --all --check"),
        Step { name: "tidy", act: Act::Tidy },
        command("scripts", "scripts/check-scripts.sh"),
        command("clippy", "cargo clippy --locked --workspace --all-targets -- -D warnings"),
        Step { name: "test", act: Act::Suites },
        command("doctest", "cargo test --locked --workspace --doc"),
        document("cargo doc --locked --workspace --no-deps"),
    ];
    if extent == Extent::Full {
        steps.extend([
            command("deny", "scripts/check-dependencies.sh"),
            command("start", "scripts/check-start.sh"),
            command("dashboards", "scripts/check-dashboards.sh"),
        ]);
    }
    steps
}

fn command(name: &'static str, line: &'static str) -> Step {
    let mut words = line.split(' ');
    let program = words.next().expect("invariant: a command has a program");
    let arguments = words.collect();
    Step { name, act: Act::Command { program, arguments, environment: Vec::new() } }
}

fn document(line: &'static str) -> Step {
    let mut step = command("doc", line);
    if let Act::Command { environment, .. } = &mut step.act {
        environment.push(("RUSTDOCFLAGS", "-D warnings"));
    }
    step
}
