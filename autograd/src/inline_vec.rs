//! A vector whose first members are stored inline: most ops have at most two operands and one output.

/// A vector of which the first `N` members are stored inline.
#[derive(Clone, Debug)]
pub(crate) struct InlineVec<X, const N: usize = 2> {
    head: [Option<X>; N],
    /// Boxed, so that it is one pointer wide, and `None` if all members are inline.
    #[expect(
        clippy::box_collection,
        reason = "rarely used; a `Vec` in place would be three words wide"
    )]
    rest: Option<Box<Vec<X>>>,
}

impl<X> InlineVec<X, 1> {
    /// The only member.
    #[inline]
    pub(crate) fn only(self) -> Option<X> {
        let [head] = self.head;
        head.filter(|_| self.rest.is_none())
    }
}

impl<X, const N: usize> InlineVec<X, N> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self {
            head: [const { None }; N],
            rest: None,
        }
    }

    #[inline(always)]
    pub(crate) fn one(x: X) -> Self {
        let mut vec = Self::new();
        vec.head[0] = Some(x);
        vec
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
    pub(crate) fn each<Y>(&self, mut f: impl FnMut(usize, &X) -> Y) -> InlineVec<Y, N> {
        InlineVec::of(self.len(), |i| f(i, self.get(i).expect("counted")))
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.head.iter().flatten().count() + self.rest().len()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, i: usize) -> Option<&mut X> {
        match self.head.get_mut(i) {
            Some(place) => place.as_mut(),
            None => self.rest.as_mut()?.get_mut(i - N),
        }
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

impl<X, const N: usize> IntoIterator for InlineVec<X, N> {
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

impl<X, const N: usize> FromIterator<X> for InlineVec<X, N> {
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
    use super::InlineVec;

    #[test]
    fn members_keep_their_order_when_some_are_not_inline() {
        for n in 0..5 {
            let vec: InlineVec<usize> = (0..n).collect();
            assert_eq!(vec.len(), n);
            assert_eq!(
                vec.iter().copied().collect::<Vec<_>>(),
                (0..n).collect::<Vec<_>>()
            );
            assert_eq!(vec.get(n), None);
            assert_eq!(vec.into_iter().count(), n);
            let made = InlineVec::<usize>::of(n, |i| i);
            assert!(made.into_iter().eq(0..n));
        }
    }
}
