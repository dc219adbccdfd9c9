"""Writes ONNX graphs node by node, in an order that never varies, so that a file has the same bytes on every build."""
import numpy as np
import onnx
from onnx import helper, numpy_helper

FLOAT, INT64, INT32, UINT8 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.UINT8
RUNTIME = "com.microsoft"  # the domain of ONNX Runtime's own operators


class Graph:
    """A graph under construction; `node` and `constant` return the name of the value they make."""

    def __init__(self, name):
        self.name, self.nodes, self.constants, self.inputs, self.outputs = name, [], [], [], []

    def input(self, name, kind, shape):
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name, kind, shape):
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, operator, inputs, output, domain="", **attributes):
        """Adds a node; `output` is one name or a list of them, and the first is returned."""
        outputs = [output] if isinstance(output, str) else output
        self.nodes.append(helper.make_node(operator, inputs, outputs, name=outputs[0], domain=domain, **attributes))
        return outputs[0]

    def unit(self, value, output):
        """Scales the rows of `value` to length 1; a row of zeros stays zeros."""
        length = self.node("ReduceL2", [value], output + ".length", axes=[-1], keepdims=1)
        tiny = self.constant(output + ".tiny", np.array(1e-6, np.float32))
        return self.node("Div", [value, self.node("Max", [length, tiny], output + ".divisor")], output)

    def splice(self, path, prefix, inputs):
        """Adds all nodes of the graph in `path` under `prefix`; `inputs` says which values feed it. Returns its values by their old names."""
        graph = onnx.load(path).graph
        names = dict(inputs)
        wanted = {value.name for value in graph.input} - {tensor.name for tensor in graph.initializer}
        if wanted != set(inputs):
            raise SystemExit(f"{path} has the inputs {sorted(wanted)}, expected {sorted(inputs)}")
        for tensor in graph.initializer:
            names[tensor.name] = tensor.name = prefix + tensor.name
            self.constants.append(tensor)
        for index, node in enumerate(graph.node):
            names.update({name: prefix + name for name in node.output})
            node.input[:] = [names[name] if name else "" for name in node.input]
            node.output[:] = [names[name] for name in node.output]
            node.name = f"{prefix}{node.op_type}.{index}"
            self.nodes.append(node)
        return names

    def prune(self):
        """Drops nodes and constants that no output needs."""
        needed = {value.name for value in self.outputs}
        for node in reversed(self.nodes):
            if needed & set(node.output):
                needed.update(node.input)
        self.nodes = [node for node in self.nodes if needed & set(node.output)]
        self.constants = [tensor for tensor in self.constants if tensor.name in needed]

    def save(self, path):
        self.prune()
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.constants)
        model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(RUNTIME, 1)])
        path.write_bytes(model.SerializeToString(deterministic=True))
