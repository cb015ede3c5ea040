//! A value that may be tracked.

use std::fmt;
use std::panic::Location;

use wengert_tensor::{Real, Tensor};

use crate::tape::{Node, Tape};

/// A tensor, and, if any of its ancestors is tracked, its place on a [`Tape`] that records how it was made.
///
/// An untracked variable costs no more than its tensor, so evaluation, plain backward and double
/// backward run the same code.
///
/// # Methods by family
///
/// * **Value and shape**: [`constant`](Self::constant), [`scalar`](Self::scalar), [`full`](Self::full),
///   [`value`](Self::value), [`into_value`](Self::into_value), [`detach`](Self::detach),
///   [`is_tracked`](Self::is_tracked), [`tape`](Self::tape), [`entry`](Self::entry), [`source`](Self::source),
///   [`shape`](Self::shape), [`rank`](Self::rank), [`len`](Self::len), [`is_empty`](Self::is_empty),
///   [`size`](Self::size), [`item`](Self::item)
/// * **Derivatives and ops of your own**: [`backward`](Self::backward), [`backward_keep`](Self::backward_keep),
///   [`backward_each`](Self::backward_each), [`backward_from`](Self::backward_from), [`grad`](Self::grad),
///   [`apply`](Self::apply), [`apply_many`](Self::apply_many), [`broadcasting`](Self::broadcasting)
/// * **Arithmetic**: [`add`](Self::add), [`sub`](Self::sub), [`mul`](Self::mul), [`div`](Self::div),
///   [`add_scalar`](Self::add_scalar), [`sub_scalar`](Self::sub_scalar), [`rsub_scalar`](Self::rsub_scalar),
///   [`mul_scalar`](Self::mul_scalar), [`div_scalar`](Self::div_scalar), [`rdiv_scalar`](Self::rdiv_scalar),
///   [`neg`](Self::neg), [`lerp`](Self::lerp), [`addcmul`](Self::addcmul), [`maximum`](Self::maximum),
///   [`minimum`](Self::minimum), [`clamp`](Self::clamp), [`hardtanh`](Self::hardtanh), [`relu6`](Self::relu6)
/// * **Comparisons**: [`eq`](Self::eq), [`ne`](Self::ne), [`lt`](Self::lt), [`le`](Self::le), [`gt`](Self::gt),
///   [`ge`](Self::ge)
/// * **Functions**: [`exp`](Self::exp), [`exp2`](Self::exp2), [`exp_m1`](Self::exp_m1), [`ln`](Self::ln),
///   [`ln_1p`](Self::ln_1p), [`log2`](Self::log2), [`log10`](Self::log10), [`pow`](Self::pow),
///   [`square`](Self::square), [`sqrt`](Self::sqrt), [`rsqrt`](Self::rsqrt), [`reciprocal`](Self::reciprocal),
///   [`pow_tensor`](Self::pow_tensor), [`sin`](Self::sin), [`cos`](Self::cos), [`tan`](Self::tan),
///   [`asin`](Self::asin), [`acos`](Self::acos), [`atan`](Self::atan), [`atan2`](Self::atan2),
///   [`sinh`](Self::sinh), [`cosh`](Self::cosh), [`asinh`](Self::asinh), [`acosh`](Self::acosh),
///   [`atanh`](Self::atanh), [`erf`](Self::erf), [`erfc`](Self::erfc), [`sinc`](Self::sinc),
///   [`sign`](Self::sign), [`floor`](Self::floor), [`ceil`](Self::ceil), [`round`](Self::round),
///   [`trunc`](Self::trunc), [`root`](Self::root)
/// * **Activations**: [`relu`](Self::relu), [`into_relu`](Self::into_relu), [`leaky_relu`](Self::leaky_relu),
///   [`abs`](Self::abs), [`elu`](Self::elu), [`selu`](Self::selu), [`celu`](Self::celu), [`gelu`](Self::gelu),
///   [`gelu_tanh`](Self::gelu_tanh), [`sigmoid`](Self::sigmoid), [`logsigmoid`](Self::logsigmoid),
///   [`silu`](Self::silu), [`softplus`](Self::softplus), [`mish`](Self::mish), [`tanh`](Self::tanh),
///   [`hardsigmoid`](Self::hardsigmoid), [`hardswish`](Self::hardswish), [`softsign`](Self::softsign),
///   [`tanhshrink`](Self::tanhshrink), [`hardshrink`](Self::hardshrink), [`softshrink`](Self::softshrink),
///   [`prelu`](Self::prelu), [`glu`](Self::glu), [`dropout`](Self::dropout)
/// * **Sums and other reductions**: [`logsumexp`](Self::logsumexp), [`amax`](Self::amax), [`amin`](Self::amin),
///   [`max`](Self::max), [`min`](Self::min), [`max_with_indices`](Self::max_with_indices),
///   [`min_with_indices`](Self::min_with_indices), [`argmax`](Self::argmax), [`argmin`](Self::argmin),
///   [`mean`](Self::mean), [`var`](Self::var), [`std`](Self::std), [`norm`](Self::norm), [`prod`](Self::prod),
///   [`cumsum`](Self::cumsum), [`cumprod`](Self::cumprod), [`logcumsumexp`](Self::logcumsumexp),
///   [`sum`](Self::sum)
/// * **Products of matrices**: [`einsum`](Self::einsum), [`linear`](Self::linear),
///   [`bilinear`](Self::bilinear), [`matmul`](Self::matmul), [`outer`](Self::outer), [`dot`](Self::dot),
///   [`tril`](Self::tril), [`triu`](Self::triu), [`diagonal`](Self::diagonal)
/// * **Shape**: [`broadcast_to`](Self::broadcast_to), [`sum_to`](Self::sum_to), [`concat`](Self::concat),
///   [`stack`](Self::stack), [`chunk`](Self::chunk), [`flip`](Self::flip), [`roll`](Self::roll),
///   [`repeat`](Self::repeat), [`pad`](Self::pad), [`pad_border`](Self::pad_border),
///   [`permute`](Self::permute), [`transpose`](Self::transpose), [`t`](Self::t),
///   [`pixel_shuffle`](Self::pixel_shuffle), [`pixel_unshuffle`](Self::pixel_unshuffle),
///   [`reshape`](Self::reshape), [`flatten`](Self::flatten), [`squeeze`](Self::squeeze),
///   [`unsqueeze`](Self::unsqueeze), [`slice`](Self::slice), [`region`](Self::region),
///   [`unslice`](Self::unslice), [`select`](Self::select), [`split`](Self::split)
/// * **Indices and masks**: [`gather`](Self::gather), [`scatter_add`](Self::scatter_add),
///   [`scatter`](Self::scatter), [`index_select`](Self::index_select), [`index_add`](Self::index_add),
///   [`embedding`](Self::embedding), [`sort`](Self::sort), [`sort_descending`](Self::sort_descending),
///   [`topk`](Self::topk), [`bottomk`](Self::bottomk), [`where_`](Self::where_),
///   [`masked_fill`](Self::masked_fill), [`masked_select`](Self::masked_select)
/// * **Convolution and pooling**: [`conv1d`](Self::conv1d), [`conv2d`](Self::conv2d), [`conv3d`](Self::conv3d),
///   [`conv_transpose1d`](Self::conv_transpose1d), [`conv_transpose2d`](Self::conv_transpose2d),
///   [`conv_transpose3d`](Self::conv_transpose3d), [`global_avg_pool`](Self::global_avg_pool),
///   [`global_max_pool`](Self::global_max_pool), [`interpolate`](Self::interpolate),
///   [`unfold_axis`](Self::unfold_axis), [`unfold`](Self::unfold), [`fold`](Self::fold),
///   [`max_pool1d`](Self::max_pool1d), [`max_pool1d_with_indices`](Self::max_pool1d_with_indices),
///   [`avg_pool1d`](Self::avg_pool1d), [`adaptive_max_pool1d`](Self::adaptive_max_pool1d),
///   [`adaptive_max_pool1d_with_indices`](Self::adaptive_max_pool1d_with_indices),
///   [`adaptive_avg_pool1d`](Self::adaptive_avg_pool1d), [`lp_pool1d`](Self::lp_pool1d),
///   [`max_pool2d`](Self::max_pool2d), [`max_pool2d_with_indices`](Self::max_pool2d_with_indices),
///   [`avg_pool2d`](Self::avg_pool2d), [`adaptive_max_pool2d`](Self::adaptive_max_pool2d),
///   [`adaptive_max_pool2d_with_indices`](Self::adaptive_max_pool2d_with_indices),
///   [`adaptive_avg_pool2d`](Self::adaptive_avg_pool2d), [`lp_pool2d`](Self::lp_pool2d),
///   [`max_pool3d`](Self::max_pool3d), [`max_pool3d_with_indices`](Self::max_pool3d_with_indices),
///   [`avg_pool3d`](Self::avg_pool3d), [`adaptive_max_pool3d`](Self::adaptive_max_pool3d),
///   [`adaptive_max_pool3d_with_indices`](Self::adaptive_max_pool3d_with_indices),
///   [`adaptive_avg_pool3d`](Self::adaptive_avg_pool3d), [`lp_pool3d`](Self::lp_pool3d)
/// * **Normalization and softmax**: [`local_response_norm`](Self::local_response_norm),
///   [`batch_norm`](Self::batch_norm), [`instance_norm_statistics`](Self::instance_norm_statistics),
///   [`batch_norm_with`](Self::batch_norm_with), [`layer_norm`](Self::layer_norm),
///   [`rms_norm`](Self::rms_norm), [`group_norm`](Self::group_norm), [`instance_norm`](Self::instance_norm),
///   [`softmax`](Self::softmax), [`softmax_or_zero`](Self::softmax_or_zero), [`log_softmax`](Self::log_softmax)
/// * **Losses**: [`l1_loss`](Self::l1_loss), [`l1_loss_with`](Self::l1_loss_with),
///   [`huber_loss`](Self::huber_loss), [`huber_loss_with`](Self::huber_loss_with),
///   [`smooth_l1_loss`](Self::smooth_l1_loss), [`smooth_l1_loss_with`](Self::smooth_l1_loss_with),
///   [`binary_cross_entropy`](Self::binary_cross_entropy),
///   [`binary_cross_entropy_with`](Self::binary_cross_entropy_with),
///   [`binary_cross_entropy_with_logits`](Self::binary_cross_entropy_with_logits),
///   [`binary_cross_entropy_with_logits_with`](Self::binary_cross_entropy_with_logits_with),
///   [`cross_entropy`](Self::cross_entropy), [`cross_entropy_with`](Self::cross_entropy_with),
///   [`cross_entropy_soft`](Self::cross_entropy_soft),
///   [`cross_entropy_soft_with`](Self::cross_entropy_soft_with), [`kl_div`](Self::kl_div),
///   [`kl_div_with`](Self::kl_div_with), [`poisson_nll_loss`](Self::poisson_nll_loss),
///   [`poisson_nll_loss_with`](Self::poisson_nll_loss_with), [`soft_margin_loss`](Self::soft_margin_loss),
///   [`soft_margin_loss_with`](Self::soft_margin_loss_with),
///   [`hinge_embedding_loss`](Self::hinge_embedding_loss),
///   [`hinge_embedding_loss_with`](Self::hinge_embedding_loss_with),
///   [`margin_ranking_loss`](Self::margin_ranking_loss),
///   [`margin_ranking_loss_with`](Self::margin_ranking_loss_with),
///   [`multi_margin_loss`](Self::multi_margin_loss), [`multi_margin_loss_with`](Self::multi_margin_loss_with),
///   [`mse_loss`](Self::mse_loss), [`mse_loss_with`](Self::mse_loss_with), [`nll_loss`](Self::nll_loss),
///   [`nll_loss_with`](Self::nll_loss_with), [`normalize`](Self::normalize),
///   [`cosine_similarity`](Self::cosine_similarity), [`pairwise_distance`](Self::pairwise_distance),
///   [`cosine_embedding_loss`](Self::cosine_embedding_loss),
///   [`cosine_embedding_loss_with`](Self::cosine_embedding_loss_with),
///   [`triplet_margin_loss`](Self::triplet_margin_loss),
///   [`triplet_margin_loss_with`](Self::triplet_margin_loss_with)
/// * **Attention and recurrent cells**: [`scaled_dot_product_attention`](Self::scaled_dot_product_attention),
///   [`multi_head_attention`](Self::multi_head_attention), [`gru_cell`](Self::gru_cell), [`gru`](Self::gru),
///   [`lstm_cell`](Self::lstm_cell), [`lstm`](Self::lstm), [`rnn_cell`](Self::rnn_cell), [`rnn`](Self::rnn)
#[derive(Clone)]
pub struct Var<T: Real = f32> {
    value: Tensor<T>,
    node: Option<Node<T>>,
}

impl<T: Real> Var<T> {
    /// An untracked variable.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0], [2]));
    /// assert!(!x.is_tracked());
    /// ```
    #[must_use]
    pub fn constant(value: Tensor<T>) -> Self {
        Self { value, node: None }
    }

    /// An untracked number of rank 0.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Var::<f64>::scalar(2.5).item(), 2.5);
    /// ```
    #[must_use]
    pub fn scalar(value: f64) -> Self {
        Self::constant(Tensor::scalar(T::of(value)))
    }

    /// An untracked variable full of one number.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Var::<f64>::full([2], 7.0).value().to_vec(), [7.0, 7.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn full(shape: impl AsRef<[usize]>, value: f64) -> Self {
        Self::constant(Tensor::scalar(T::of(value)).broadcast_to(shape))
    }

    pub(crate) const fn with_node(value: Tensor<T>, node: Option<Node<T>>) -> Self {
        Self { value, node }
    }

    pub(crate) fn into_parts(self) -> (Tensor<T>, Option<Node<T>>) {
        (self.value, self.node)
    }

    pub(crate) const fn node(&self) -> Option<&Node<T>> {
        self.node.as_ref()
    }

    /// The value.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert_eq!((&x * 2.0).value().to_vec(), [2.0, 4.0]);
    /// ```
    #[must_use]
    pub const fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// The value of an untracked variable, to be changed.
    pub(crate) fn value_mut(&mut self) -> &mut Tensor<T> {
        debug_assert!(self.node.is_none(), "a tape has recorded the value");
        &mut self.value
    }

    /// The value, without its history.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// let y: Tensor<f64> = (&x * 2.0).into_value();
    /// assert_eq!(y.to_vec(), [2.0, 4.0]);
    /// ```
    #[must_use]
    pub fn into_value(self) -> Tensor<T> {
        self.value
    }

    /// The same value as an untracked variable: no gradient flows through it.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::scalar(3.0));
    /// // The second factor counts as a constant.
    /// let y = &x * x.detach();
    /// assert_eq!((y.item(), y.backward().wrt(&x).item()), (9.0, 3.0));
    /// ```
    #[must_use]
    pub fn detach(&self) -> Self {
        Self::constant(self.value.clone())
    }

    /// Whether gradients flow through this variable.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert!((&x * 2.0).is_tracked() && !x.detach().is_tracked());
    /// ```
    #[must_use]
    pub const fn is_tracked(&self) -> bool {
        self.node.is_some()
    }

    /// The tape that this variable is recorded on.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let tape = Tape::new();
    /// let x = tape.leaf(Tensor::scalar(3.0));
    /// assert_eq!(x.tape().map(Tape::len), Some(tape.len()));
    /// assert!(Var::<f64>::scalar(1.0).tape().is_none());
    /// ```
    #[must_use]
    pub fn tape(&self) -> Option<&Tape<T>> {
        self.node.as_ref().map(|node| &node.tape)
    }

    /// The entry of that tape that made this variable.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// let (y, z) = (&x * 2.0, &x * 3.0);
    /// assert!(y.entry() < z.entry() && x.detach().entry().is_none());
    /// ```
    #[must_use]
    pub fn entry(&self) -> Option<usize> {
        self.node.as_ref().map(|node| node.entry as usize)
    }

    /// The entry of the tape that made this variable, and the number of the result there.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert_eq!((&x * 2.0).source(), Some((1, 0)));
    /// ```
    #[must_use]
    pub fn source(&self) -> Option<(usize, usize)> {
        let node = self.node.as_ref()?;
        Some((node.entry as usize, node.output as usize))
    }

    /// The extents.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert_eq!(x.shape(), [1, 2]);
    /// ```
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// The number of axes.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert_eq!(x.rank(), 2);
    /// ```
    #[must_use]
    pub fn rank(&self) -> usize {
        self.value.rank()
    }

    /// The number of elements.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert_eq!(x.len(), 2);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.value.len()
    }

    /// Whether there is no element.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// assert!(Var::<f64>::full([2, 0], 1.0).is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// The extent of an axis; negative axes count from the end.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Tape::new().leaf(Tensor::from_vec(vec![1.0, 2.0], [1, 2]));
    /// assert_eq!((x.size(0), x.size(-1)), (1, 2));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist.
    #[must_use]
    #[track_caller]
    pub fn size(&self, axis: isize) -> usize {
        self.value.size(axis)
    }

    /// The only element.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// assert_eq!(Var::constant(Tensor::from_vec(vec![4.0], [1, 1])).item(), 4.0);
    /// ```
    ///
    /// # Panics
    /// If the number of elements is not 1.
    #[must_use]
    #[track_caller]
    pub fn item(&self) -> T {
        self.value.item()
    }
}

impl<T: Real> Tape<T> {
    /// A tracked variable with this value: gradients flow to it.
    #[must_use]
    #[track_caller]
    pub fn leaf(&self, value: Tensor<T>) -> Var<T> {
        let node = self.push_leaf(&value, Location::caller());
        Var::with_node(value, Some(node))
    }
}

impl<T: Real> From<Tensor<T>> for Var<T> {
    fn from(value: Tensor<T>) -> Self {
        Self::constant(value)
    }
}

impl<T: Real> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut view = f.debug_struct("Var");
        view.field("value", &self.value);
        if let Some(node) = &self.node {
            view.field("entry", &node.entry)
                .field("output", &node.output);
        }
        view.finish()
    }
}

/// The value, as a tensor displays it.
impl<T: Real> fmt::Display for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.value, f)
    }
}
