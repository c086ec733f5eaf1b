//! `watch -i`: watches that are asked for on standard input, several at a time.

use std::io::{BufRead as _, BufReader, Read};

use etcd::wire::etcdserverpb::WatchResponse;
use tokio::sync::mpsc;

use super::{BAD_NUMBER, FLAGS, KEY, RANGE_END, Wanted, show, wanted, words_from};
use crate::call::Call;
use crate::compat::Compat;
use crate::failure::{Failure, error_text};
use crate::parse::{FlagError, Flags, words};

/// Lines and answers that wait to be taken.
const QUEUE: usize = 64;

/// What a watch tells: an answer with the command to run, or its end.
enum Told {
    Answer(Box<WatchResponse>, Vec<Vec<u8>>),
    Ended(String),
}

pub(super) async fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let session = call.session_knowing(&[KEY, RANGE_END]).await?;
    let stdin = std::mem::replace(&mut call.io.stdin, Box::new(std::io::empty()));
    let mut lines = read_lines(stdin);
    let (tell, mut told) = mpsc::channel(QUEUE);
    let mut watches: Vec<mpsc::Sender<()>> = Vec::new();
    let (progress_notify, compat) = (call.flags.bool("progress-notify"), call.compat);
    loop {
        tokio::select! {
            biased;
            Some(answer) = told.recv() => match answer {
                Told::Answer(answer, exec) => show(call, &answer, &exec).await?,
                Told::Ended(reason) => {
                    call.io.complain(&format!("watch was canceled ({reason})"));
                }
            },
            line = lines.recv() => {
                let Some(line) = line else {
                    let text = if compat < Compat::V3_5 {
                        "Error reading watch request line: EOF"
                    } else {
                        "error reading watch request line: EOF"
                    };
                    return Err(Failure::invalid_input(text));
                };
                let shown = String::from_utf8_lossy(&line).into_owned();
                let words = words(&line).map_err(Failure::invalid_input)?;
                match words.first().map(Vec::as_slice) {
                    None => call.io.complain(&format!(
                        "Invalid command: {shown} (watch and progress supported)"
                    )),
                    Some(b"progress") => {
                        for watch in &watches {
                            // One that has ended has nothing to tell.
                            let _ = watch.try_send(());
                        }
                    }
                    Some(b"watch") if words.len() < 2 && call.environment.get(KEY).is_none() => {
                        call.io.complain(&format!(
                            "Invalid command {shown} (command type or key is not provided)"
                        ));
                    }
                    Some(b"watch") => {
                        let flags = FLAGS.iter().filter(|flag| flag.is_in(compat)).copied();
                        match parse(call, &words[1..], Flags::new(flags))? {
                            Ok(mut wanted) => {
                                wanted.create.progress_notify |= progress_notify;
                                let watch = session.cluster().watch(wanted.create);
                                let (ask, asked) = mpsc::channel(1);
                                watches.push(ask);
                                tokio::spawn(follow(watch, wanted.exec, asked, tell.clone()));
                            }
                            Err(why) => {
                                call.io.complain(&format!("Invalid command {shown} ({why})"));
                            }
                        }
                    }
                    Some(_) => {
                        call.io.complain(&format!("Invalid command {shown} (only support watch)"));
                    }
                }
            }
        }
    }
}

/// Flags that do not parse end the program, as they end etcdctl; a wrong number of arguments too.
fn parse(
    call: &Call<'_>,
    words: &[Vec<u8>],
    mut flags: Flags,
) -> Result<Result<Wanted, String>, Failure> {
    let parsed = match flags.parse(words) {
        Ok(parsed) => parsed,
        Err(FlagError::Wrong(why)) => return Err(Failure::bad_args(why)),
        Err(FlagError::Help) => return Err(Failure::bad_args("pflag: help requested")),
    };
    if parsed.args.is_empty() && call.environment.get(KEY).is_none() {
        return Err(Failure::bad_args(BAD_NUMBER));
    }
    let words = words_from(call, &parsed.args, parsed.before_dashes)?;
    Ok(wanted(words, &flags))
}

/// Hands on what one watch tells, and asks for its progress when told to.
async fn follow(
    mut watch: etcd::Watch,
    exec: Vec<Vec<u8>>,
    mut asked: mpsc::Receiver<()>,
    tell: mpsc::Sender<Told>,
) {
    loop {
        let told = tokio::select! {
            answer = watch.next() => match answer {
                Ok(Some(answer)) => Told::Answer(Box::new(answer), exec.clone()),
                Ok(None) => return,
                Err(error) if watch.is_over() => Told::Ended(error_text(&error)),
                Err(_) => continue,
            },
            Some(()) = asked.recv() => {
                watch.request_progress();
                continue;
            }
        };
        if tell.send(told).await.is_err() {
            return;
        }
    }
}

/// Reads lines on a thread of its own, as standard input cannot be waited for otherwise.
fn read_lines(stdin: Box<dyn Read + Send>) -> mpsc::Receiver<Vec<u8>> {
    let (tell, told) = mpsc::channel(QUEUE);
    std::thread::spawn(move || {
        let mut input = BufReader::new(stdin);
        loop {
            let mut line = Vec::new();
            let is_whole = input.read_until(b'\n', &mut line).is_ok() && line.ends_with(b"\n");
            line.pop();
            if !is_whole || tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    told
}
