//! `completion`: scripts that complete commands and flags in a shell.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::future::ready;

use super::{Command, ROOT};
use crate::call::Call;
use crate::compat::Compat;
use crate::failure::Failure;

/// `completion`.
pub(super) const COMPLETION: Command = Command::new(
    "completion",
    "completion [bash|zsh|fish|powershell]",
    "Prints a script that completes commands and flags",
    |call| Box::pin(ready(run(call))),
)
.long(
    "\
bash:        source <(etcdctl completion bash)
zsh:         source <(etcdctl completion zsh)
fish:        etcdctl completion fish | source
PowerShell:  etcdctl completion powershell | Out-String | Invoke-Expression",
)
.since(Compat::V3_6);

fn run(call: &mut Call<'_>) -> Result<(), Failure> {
    let script = match call.args.as_slice() {
        [shell] => match shell.as_slice() {
            b"bash" => bash(call.compat),
            b"zsh" => {
                format!("autoload -U +X bashcompinit && bashcompinit\n{}", bash(call.compat))
            }
            b"fish" => fish(call.compat),
            b"powershell" => powershell(call.compat),
            _ => {
                let text = format!("invalid argument {:?} for \"etcdctl completion\"", call.arg(0));
                return Err(Failure::error(text).with_detail("give bash, zsh, fish or powershell"));
            }
        },
        args => {
            let text = format!("accepts 1 arg(s), received {}", args.len());
            return Err(Failure::error(text).with_detail("give bash, zsh, fish or powershell"));
        }
    };
    call.io.out().extend_from_slice(script.as_bytes());
    Ok(())
}

/// What may follow after the names of commands: more names, and flags.
struct Step {
    /// The names so far, such as `member add`.
    path: String,
    words: Vec<String>,
}

fn steps(compat: Compat) -> Vec<Step> {
    let mut steps = Vec::new();
    collect(&[&ROOT], compat, &mut steps);
    steps
}

fn collect(path: &[&'static Command], compat: Compat, steps: &mut Vec<Step>) {
    let command = path[path.len() - 1];
    let names = path[1..].iter().map(|command| command.name);
    let mut flags: BTreeSet<&str> = BTreeSet::from(["help"]);
    flags.extend(command.flags_in(compat).map(|flag| flag.name));
    let inherited = path.iter().flat_map(|parent| parent.persistent);
    flags.extend(inherited.filter(|flag| flag.is_in(compat)).map(|flag| flag.name));
    let children = command.children_in(compat).map(|child| child.name.to_owned());
    let words = children.chain(flags.iter().map(|flag| format!("--{flag}"))).collect();
    steps.push(Step { path: names.collect::<Vec<_>>().join(" "), words });
    for child in command.children_in(compat) {
        collect(&[path, &[child]].concat(), compat, steps);
    }
}

fn bash(compat: Compat) -> String {
    let mut script = String::from(
        "\
_etcdctl() {
  local path='' word
  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do
    case \"$word\" in -*) ;; *) path=\"${path:+$path }$word\" ;; esac
  done
  local words=''
  while :; do
    case \"$path\" in
",
    );
    for Step { path, words } in steps(compat) {
        let words = words.join(" ");
        let _ = writeln!(script, "      '{path}') words='{words}'; break ;;");
    }
    script.push_str(
        "      *' '*) path=\"${path% *}\" ;;
      *) path='' ;;
    esac
  done
  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))
}
complete -o default -F _etcdctl etcdctl
",
    );
    script
}

fn fish(compat: Compat) -> String {
    let mut script = String::from(
        "\
function __etcdctl_path
  string join ' ' -- (string match -v -- '-*' (commandline -opc)[2..])
end
complete -c etcdctl -f
",
    );
    for Step { path, words } in steps(compat) {
        let condition = format!("string match -q -- '{path}' \"(__etcdctl_path)\"");
        let condition = condition.replace("\"(", "(").replace(")\"", ")");
        for word in words {
            let _ = match word.strip_prefix("--") {
                Some(flag) => writeln!(script, "complete -c etcdctl -n \"{condition}\" -l {flag}"),
                None => writeln!(script, "complete -c etcdctl -n \"{condition}\" -a {word}"),
            };
        }
    }
    script
}

fn powershell(compat: Compat) -> String {
    let mut script = String::from(
        "\
Register-ArgumentCompleter -Native -CommandName etcdctl -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $names = $commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { \"$_\" } |
    Where-Object { $_ -notlike '-*' -and $_ -ne $wordToComplete }
  $words = switch ($names -join ' ') {
",
    );
    for Step { path, words } in steps(compat) {
        let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let _ = writeln!(script, "    '{path}' {{ {} }}", words.join(", "));
    }
    script.push_str(
        "  }
  $words | Where-Object { $_ -like \"$wordToComplete*\" } |
    ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}
",
    );
    script
}
