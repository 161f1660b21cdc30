"""Write an ONNX graph as if it were NumPy: the only door to onnx, opened when it is asked for.

All arithmetic is in double precision: regression vectors on derivatives weigh differences of the
sixth decimal, which single precision loses. Functions that ONNX runtimes lack in double precision
(erf, softplus, asinh) are made of those they have.
"""

import importlib
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import NDArray
from scipy.special import erfcx

Array = NDArray[Any]

OPSET, IR_VERSION = 17, 8
"""Those that runtimes since 2022 read."""

FEW = 16
"""A matrix with at most so many entries a column is applied by gathering, and stored as them."""

ERFC_DEGREE = 20
"""Degree of the polynomial in 2 / (2 + x) that gives erfc to the last digits."""


class Graph:
    """A graph under construction; its methods take and return names of values.

    Parameters
    ----------
    parent : Graph, optional
        Graph whose body this one is; names are unique in both.
    """

    def __init__(self, parent: "Graph | None" = None) -> None:
        try:
            self.onnx = importlib.import_module("onnx")
        except ImportError:
            raise ImportError(
                "Export to ONNX needs the package onnx: pip install 'spectralfm[onnx]'."
            ) from None
        self.root: Graph = self if parent is None else parent.root
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._named: dict[tuple[Any, ...], str] = {}
        self._count = 0

    def __call__(self, operator: str, *inputs: Any, n_out: int = 1, **attributes: Any) -> Any:
        """Append a node; arrays and numbers among its inputs become constants.

        Parameters
        ----------
        operator : str
            Operator of ONNX.
        *inputs : str, ndarray or float
            Names of values, or constants.
        n_out : int
            Number of outputs.
        **attributes : object
            Attributes of the operator.

        Returns
        -------
        str or list of str
            Names of the outputs.
        """
        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        outputs = [self._new(operator) for _ in range(n_out)]
        node = self.onnx.helper.make_node(operator, names, outputs, **attributes)
        self.nodes.append(node)
        return outputs[0] if n_out == 1 else outputs

    def constant(self, value: Any) -> str:
        """Return the name of a constant; floats become double precision."""
        array = np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype(np.float64)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._named:
            name = self._named[key] = self._new("constant")
            self.constants.append(
                self.onnx.numpy_helper.from_array(
                    np.ascontiguousarray(array).reshape(array.shape), name
                )
            )
        return self._named[key]

    def _new(self, kind: str) -> str:
        self.root._count += 1
        return f"{kind}_{self.root._count}"

    # What NumPy would call by these names.

    def add(self, a: Any, b: Any) -> str:
        """Return a + b."""
        return self("Add", a, b)

    def sub(self, a: Any, b: Any) -> str:
        """Return a - b."""
        return self("Sub", a, b)

    def mul(self, a: Any, b: Any) -> str:
        """Return a b."""
        return self("Mul", a, b)

    def div(self, a: Any, b: Any) -> str:
        """Return a / b."""
        return self("Div", a, b)

    def matmul(self, a: Any, b: Any) -> str:
        """Return the matrix product of a and b."""
        return self("MatMul", a, b)

    def concat(self, parts: list[Any], axis: int) -> str:
        """Return parts one after the other."""
        return parts[0] if len(parts) == 1 else self("Concat", *parts, axis=axis)

    def sum(self, x: Any, axis: int) -> str:
        """Return the sum over an axis, which stays."""
        return self("ReduceSum", x, np.array([axis]), keepdims=1)

    def mean(self, x: Any, axis: int) -> str:
        """Return the mean over an axis, which stays."""
        return self("ReduceMean", x, axes=[axis], keepdims=1)

    def gather(self, x: Any, index: Array, axis: int = 1) -> str:
        """Return entries of x along an axis, in the shape of the index."""
        return self("Gather", x, np.asarray(index, dtype=np.int64), axis=axis)

    def slice(self, x: Any, start: int, stop: int, axis: int) -> str:
        """Return a part of x along an axis."""
        return self("Slice", x, *(np.array([one]) for one in (start, stop, axis)))

    def reshape(self, x: Any, *shape: int) -> str:
        """Return x in another shape; 0 keeps a size, -1 is what is left."""
        return self("Reshape", x, np.array(shape, dtype=np.int64))

    def transpose(self, x: Any, *order: int) -> str:
        """Return x with its axes in another order."""
        return self("Transpose", x, perm=order)

    def expand(self, x: Any, axis: int) -> str:
        """Return x with a new axis of size 1."""
        return self("Unsqueeze", x, np.array([axis]))

    def squeeze(self, x: Any, axis: int) -> str:
        """Return x without an axis of size 1."""
        return self("Squeeze", x, np.array([axis]))

    def where(self, condition: Any, a: Any, b: Any) -> str:
        """Return a where the condition holds, b elsewhere."""
        return self("Where", condition, a, b)

    def linear(self, x: Any, matrix: Array, offset: Array | None = None) -> str:
        """Return ``x @ matrix + offset`` for x (B, n) and a constant matrix (n, m)."""
        found = (matrix != 0).sum(axis=0).max(initial=1)
        if found > FEW or found == len(matrix):
            y = self.matmul(x, matrix)
        else:
            rows = np.argsort(matrix == 0, axis=0, kind="stable")[:found]  # (found, m)
            terms = [
                self.mul(self.gather(x, row), matrix[row, np.arange(matrix.shape[1])])
                for row in rows
            ]
            y = terms[0]
            for term in terms[1:]:
                y = self.add(y, term)
        return y if offset is None or not offset.any() else self.add(y, offset)

    def dense(self, x: Any, layer: Any) -> str:
        """Apply a `torch.nn.Linear` to the last axis."""
        y = self.matmul(x, as_array(layer.weight).T)
        return y if layer.bias is None else self.add(y, as_array(layer.bias))

    def norm(self, x: Any, layer: Any) -> str:
        """Apply a `torch.nn.LayerNorm` to the last axis."""
        weights = as_array(layer.weight), as_array(layer.bias)
        return self("LayerNormalization", x, *weights, axis=-1, epsilon=layer.eps)

    def silu(self, x: Any) -> str:
        """Return x times its sigmoid."""
        return self.mul(x, self("Sigmoid", x))

    def softplus(self, x: Any) -> str:
        """Return log(1 + exp(x)); above 20 torch returns x, and so does this."""
        small = self("Exp", self("Neg", self("Abs", x)))
        soft = self.add(self("Max", x, 0.0), self("Log", self.add(small, 1.0)))
        return self.where(self("Greater", x, 20.0), x, soft)

    def asinh(self, x: Any) -> str:
        """Return the inverse hyperbolic sine."""
        size = self("Abs", x)
        root = self("Sqrt", self.add(self.mul(x, x), 1.0))
        return self.mul(self("Sign", x), self("Log", self.add(size, root)))

    def gelu(self, x: Any) -> str:
        """Return x times the normal distribution function of x."""
        return self.mul(self.mul(x, 0.5), self.add(self.erf(self.mul(x, 0.5**0.5)), 1.0))

    def erf(self, x: Any) -> str:
        r"""Return the error function.

        :math:`1 - e^{-x^2} t P(2 t - 1)` with :math:`t = 2 / (2 + |x|)` and a polynomial P that
        interpolates the scaled complementary function at Chebyshev points.
        """
        size = self("Abs", x)
        t = self.div(2.0, self.add(size, 2.0))
        twice = self.sub(self.mul(t, 4.0), 2.0)
        coefficients = Chebyshev.interpolate(_scaled_erfc, ERFC_DEGREE, domain=[-1, 1]).coef
        now, before = self.constant(coefficients[-1]), self.constant(0.0)
        for coefficient in coefficients[-2:0:-1]:  # Clenshaw
            now, before = self.add(self.sub(self.mul(twice, now), before), coefficient), now
        half = self.mul(twice, 0.5)
        scaled = self.add(self.sub(self.mul(half, now), before), coefficients[0])
        rest = self.mul(self.mul(self("Exp", self("Neg", self.mul(x, x))), t), scaled)
        return self.mul(self("Sign", x), self.sub(1.0, rest))

    def scan(self, body: "Graph", states: list[str], sequences: list[str], reverse: bool) -> str:
        """Run a body over axis 1 of sequences; its last node returns the new state and a row.

        Parameters
        ----------
        body : Graph
            Graph with the inputs and outputs that `Graph.body` names.
        states : list of str
            States before the first step.
        sequences : list of str
            What is read row by row.
        reverse : bool
            From the last to the first.

        Returns
        -------
        str
            Rows that the body returned, along axis 1.
        """
        n, direction = len(sequences), int(reverse)
        outputs = self(
            "Scan",
            *states,
            *sequences,
            n_out=len(states) + 1,
            body=body.finished("body", body.inputs, body.outputs),
            num_scan_inputs=n,
            scan_input_axes=[1] * n,
            scan_output_axes=[1],
            scan_input_directions=[direction] * n,
            scan_output_directions=[direction],
        )
        return outputs[-1]

    inputs: list[tuple[str, list[Any]]]
    outputs: list[tuple[str, list[Any]]]

    def finished(self, name: str, inputs: list[Any], outputs: list[Any], **types: int) -> Any:
        """Return the graph of ONNX.

        Parameters
        ----------
        name : str
            Its name.
        inputs, outputs : list of (str, list)
            Names and shapes.
        **types : int
            Element types of inputs that are not double precision.

        Returns
        -------
        onnx.GraphProto
            The graph.
        """
        double = self.onnx.TensorProto.DOUBLE
        info = self.onnx.helper.make_tensor_value_info
        return self.onnx.helper.make_graph(
            self.nodes,
            name,
            [info(one, types.get(one, double), shape) for one, shape in inputs],
            [info(one, double, shape) for one, shape in outputs],
            initializer=self.constants,
        )


def as_array(tensor: Any) -> Array:
    """Return a tensor as an array of double precision."""
    return tensor.detach().cpu().double().numpy()


def _scaled_erfc(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return exp(x^2) erfc(x) / t at t = (place + 1) / 2."""
    t = np.maximum((place + 1) / 2, np.finfo(np.float64).tiny)
    return np.where(t < 1e-8, 1 / (2 * np.sqrt(np.pi)), erfcx(2 / t - 2) / t)
