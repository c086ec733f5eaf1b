//! Functions and variables that a template uses and nobody defines; Go refuses them when it parses.

use gotmpl::parse::{BranchNode, CommandNode, Expr, ListNode, Node, PipeNode};

/// Names that are known at one place of a template.
pub(super) struct Names<'a> {
    is_function: &'a dyn Fn(&str) -> bool,
    variables: Vec<String>,
}

impl<'a> Names<'a> {
    pub(super) fn new(is_function: &'a dyn Fn(&str) -> bool) -> Self {
        Self { is_function, variables: vec!["$".to_owned()] }
    }

    /// What is wrong with the first unknown name.
    pub(super) fn check(&mut self, list: &ListNode) -> Result<(), String> {
        list.nodes.iter().try_for_each(|node| self.node(node))
    }

    fn node(&mut self, node: &Node) -> Result<(), String> {
        match node {
            Node::List(list) => self.check(list),
            Node::Action(action) => self.pipe(&action.pipe),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => self.branch(branch),
            Node::Template(template) => template.pipe.iter().try_for_each(|pipe| self.pipe(pipe)),
            Node::Define(define) => Names::new(self.is_function).check(&define.body),
            Node::Text(_) | Node::Break(_) | Node::Continue(_) => Ok(()),
        }
    }

    fn branch(&mut self, branch: &BranchNode) -> Result<(), String> {
        let known = self.variables.len();
        self.pipe(&branch.pipe)?;
        let with_own = self.variables.len();
        self.check(&branch.body)?;
        self.variables.truncate(with_own);
        branch.else_body.iter().try_for_each(|body| self.check(body))?;
        self.variables.truncate(known);
        Ok(())
    }

    fn pipe(&mut self, pipe: &PipeNode) -> Result<(), String> {
        pipe.commands.iter().try_for_each(|command| self.command(command))?;
        for name in &pipe.decl {
            if pipe.is_assign {
                self.variable(name)?;
            } else {
                self.variables.push(name.to_string());
            }
        }
        Ok(())
    }

    fn command(&mut self, command: &CommandNode) -> Result<(), String> {
        command.args.iter().try_for_each(|arg| self.expr(arg))
    }

    fn expr(&mut self, expr: &Expr) -> Result<(), String> {
        match expr {
            Expr::Identifier(_, name) if !(self.is_function)(name) => {
                Err(format!("function {name:?} not defined"))
            }
            Expr::Variable(_, name, _) => self.variable(name),
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            Expr::Chain(_, inner, _) => self.expr(inner),
            _ => Ok(()),
        }
    }

    fn variable(&self, name: &str) -> Result<(), String> {
        if self.variables.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(format!("undefined variable {name:?}"))
    }
}
