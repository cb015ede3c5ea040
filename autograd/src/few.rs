//! A short list that needs no heap for its first members: most ops have at most two operands, and
//! one output.

/// An ordered list of which the first `N` members are stored inline.
#[derive(Clone, Debug)]
pub(crate) struct Few<X, const N: usize = 2> {
    head: [Option<X>; N],
    rest: Box<[X]>,
}

/// A list that most often has one member.
pub(crate) type Single<X> = Few<X, 1>;

impl<X> Single<X> {
    pub(crate) fn one(x: X) -> Self {
        Self {
            head: [Some(x)],
            rest: Box::default(),
        }
    }

    /// The only member.
    pub(crate) fn only(self) -> Option<X> {
        let [head] = self.head;
        head.filter(|_| self.rest.is_empty())
    }
}

impl<X, const N: usize> Few<X, N> {
    pub(crate) fn new() -> Self {
        Self {
            head: [const { None }; N],
            rest: Box::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.head.iter().flatten().count() + self.rest.len()
    }

    pub(crate) fn get(&self, i: usize) -> Option<&X> {
        match self.head.get(i) {
            Some(place) => place.as_ref(),
            None => self.rest.get(i - N),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &X> {
        self.head.iter().flatten().chain(&self.rest)
    }
}

impl<X, const N: usize> IntoIterator for Few<X, N> {
    type Item = X;
    type IntoIter = std::iter::Chain<
        std::iter::Flatten<std::array::IntoIter<Option<X>, N>>,
        std::vec::IntoIter<X>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        let rest = self.rest.into_vec().into_iter();
        self.head.into_iter().flatten().chain(rest)
    }
}

impl<X, const N: usize> FromIterator<X> for Few<X, N> {
    fn from_iter<I: IntoIterator<Item = X>>(items: I) -> Self {
        let mut items = items.into_iter().fuse();
        let head = std::array::from_fn(|_| items.next());
        Self {
            head,
            rest: items.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn members_keep_their_order_across_the_inline_edge() {
        for n in 0..5 {
            let few: Few<usize> = (0..n).collect();
            assert_eq!(few.len(), n);
            assert_eq!(
                few.iter().copied().collect::<Vec<_>>(),
                (0..n).collect::<Vec<_>>()
            );
            assert_eq!(few.get(n), None);
            assert_eq!(few.into_iter().count(), n);
        }
    }
}
