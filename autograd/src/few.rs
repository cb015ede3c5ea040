//! A short list that needs no heap for its first members: most ops have at most two operands, and
//! one output.

/// An ordered list of which the first `N` members are stored inline.
#[derive(Clone, Debug)]
pub(crate) struct Few<X, const N: usize = 2> {
    head: [Option<X>; N],
    /// A single pointer, and nothing to be dropped where there are no more.
    #[expect(
        clippy::box_collection,
        reason = "a list that is seldom there should be small"
    )]
    rest: Option<Box<Vec<X>>>,
}

/// A list that most often has one member.
pub(crate) type Single<X> = Few<X, 1>;

impl<X> Single<X> {
    /// The only member.
    #[inline]
    pub(crate) fn only(self) -> Option<X> {
        let [head] = self.head;
        head.filter(|_| self.rest.is_none())
    }
}

impl<X, const N: usize> Few<X, N> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self {
            head: [const { None }; N],
            rest: None,
        }
    }

    /// The first member.
    #[inline]
    pub(crate) fn into_first(self) -> Option<X> {
        self.head.into_iter().next().flatten()
    }

    #[inline(always)]
    pub(crate) fn one(x: X) -> Self {
        let mut few = Self::new();
        few.head[0] = Some(x);
        few
    }

    /// `make(i)` for every `i` below `count`, in order.
    #[inline]
    pub(crate) fn of(count: usize, mut make: impl FnMut(usize) -> X) -> Self {
        let head = std::array::from_fn(|i| (i < count).then(|| make(i)));
        let rest = (count > N).then(|| Box::new((N..count).map(make).collect()));
        Self { head, rest }
    }

    /// `f(i, x)` of every member.
    #[inline]
    pub(crate) fn each<Y>(&self, mut f: impl FnMut(usize, &X) -> Y) -> Few<Y, N> {
        Few::of(self.len(), |i| f(i, self.get(i).expect("counted")))
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.head.iter().flatten().count() + self.rest().len()
    }

    #[inline]
    pub(crate) fn get(&self, i: usize) -> Option<&X> {
        match self.head.get(i) {
            Some(place) => place.as_ref(),
            None => self.rest().get(i - N),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &X> {
        self.head.iter().flatten().chain(self.rest())
    }

    fn rest(&self) -> &[X] {
        self.rest.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl<X, const N: usize> IntoIterator for Few<X, N> {
    type Item = X;
    type IntoIter = std::iter::Chain<
        std::iter::Flatten<std::array::IntoIter<Option<X>, N>>,
        std::vec::IntoIter<X>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        let rest = self.rest.map_or_else(Vec::new, |rest| *rest).into_iter();
        self.head.into_iter().flatten().chain(rest)
    }
}

impl<X, const N: usize> FromIterator<X> for Few<X, N> {
    fn from_iter<I: IntoIterator<Item = X>>(items: I) -> Self {
        let mut items = items.into_iter().fuse();
        let head = std::array::from_fn(|_| items.next());
        let rest: Vec<X> = items.collect();
        Self {
            head,
            rest: (!rest.is_empty()).then(|| Box::new(rest)),
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
            let made = Few::<usize>::of(n, |i| i);
            assert!(made.into_iter().eq(0..n));
        }
    }
}
