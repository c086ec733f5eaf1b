//! `topk` and `bottomk`, with Prometheus' heap, since it decides which of equals stay.

use std::cmp::Ordering;

use super::quantile;

/// Positions and values of the `k` largest (or smallest) of `values`, best first.
pub(super) fn best(
    values: impl Iterator<Item = (usize, f64)>,
    k: usize,
    is_top: bool,
) -> Vec<(usize, f64)> {
    let mut heap = Heap { items: Vec::new(), is_top };
    for (index, value) in values {
        if heap.items.len() == k {
            let worst = heap.items[0].1;
            let is_better = if is_top { worst < value } else { worst > value };
            if !is_better && !worst.is_nan() {
                continue;
            }
            heap.pop();
        }
        heap.push((index, value));
    }
    let mut items = heap.items;
    items.sort_by(|a, b| order(b.1, a.1, is_top));
    items
}

/// Worst first; NaN is worse than anything.
fn order(a: f64, b: f64, is_top: bool) -> Ordering {
    match (a.is_nan() || b.is_nan(), is_top) {
        (false, false) => quantile::ascending(b, a),
        _ => quantile::ascending(a, b),
    }
}

struct Heap {
    items: Vec<(usize, f64)>,
    is_top: bool,
}

impl Heap {
    fn is_less(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.items[a].1, self.items[b].1);
        // Of two NaN either is less.
        a.is_nan() || if self.is_top { a < b } else { a > b }
    }

    fn push(&mut self, item: (usize, f64)) {
        self.items.push(item);
        let mut child = self.items.len() - 1;
        while child > 0 {
            let parent = (child - 1) / 2;
            if !self.is_less(child, parent) {
                return;
            }
            self.items.swap(parent, child);
            child = parent;
        }
    }

    /// Takes the worst out.
    fn pop(&mut self) {
        let Some(last) = self.items.pop() else { return };
        if let Some(root) = self.items.first_mut() {
            *root = last;
            self.down();
        }
    }

    fn down(&mut self) {
        let mut parent = 0;
        loop {
            let left = 2 * parent + 1;
            if left >= self.items.len() {
                return;
            }
            let right = left + 1;
            let is_right_less = right < self.items.len() && self.is_less(right, left);
            let child = if is_right_less { right } else { left };
            if !self.is_less(child, parent) {
                return;
            }
            self.items.swap(parent, child);
            parent = child;
        }
    }
}
