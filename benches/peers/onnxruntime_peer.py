"""ONNX Runtime on the CPU: forward passes of convolutions."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from peer import Absent, convolution, options, serve, threads


def prepare(case):
    if case["kind"] != "conv" or case["op"] != "forward" or case["number"] != "f32":
        raise Absent("it only runs forward passes of f32")
    draw = np.random.default_rng(0).standard_normal
    x_shape, w_shape, y_shape = convolution(case)
    x, w = (draw(shape, dtype=np.float32) for shape in (x_shape, w_shape))
    stride, padding, dilation = options(case)
    attributes = {"strides": stride, "pads": padding * 2, "dilations": dilation, "group": case["G"]}
    shaped = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], **attributes)],
        "convolution",
        [shaped("x", x_shape)],
        [shaped("y", y_shape)],
        [numpy_helper.from_array(w, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = threads()
    session_options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), session_options, providers=["CPUExecutionProvider"]
    )

    def work():
        session.run(None, {"x": x})

    return work


serve(prepare)
