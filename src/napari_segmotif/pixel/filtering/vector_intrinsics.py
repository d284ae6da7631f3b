"""Operations on up to 64 neighbouring float32 at once, as LLVM vector code for the kernels beside.

Numba has no vector type, and LLVM's own vectoriser does not find these patterns: a filter's taps summed in
registers, and a comparison whose 64 answers become the bits of one integer. Written with vectors of 64
lanes they compile to AVX-512, AVX2, SSE or NEON alike, and run 10 to 25 times faster than the plain loop.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 64

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_BITS = ir.VectorType(ir.IntType(1), LANES)
_ZERO = ir.Constant(_INT32, 0)


def _data_pointer(context: Any, builder: Any, array_type: Any, array: Any) -> Any:
    return context.make_array(array_type)(context, builder, array).data


def _load(builder: Any, data: Any, offset: Any, vector: Any, align: int) -> Any:
    pointer = builder.bitcast(builder.gep(data, [offset]), vector.as_pointer())
    value = builder.load(pointer)
    value.align = align
    return value


def _store(builder: Any, value: Any, data: Any, offset: Any, vector: Any, align: int) -> None:
    pointer = builder.bitcast(builder.gep(data, [offset]), vector.as_pointer())
    builder.store(value, pointer).align = align


def _splat(builder: Any, scalar: Any, vector: Any) -> Any:
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, _ZERO)
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INT32, LANES), [0] * LANES))


@intrinsic
def lanes_at_most(typing_context: Any, values: Any, offset: Any, threshold: Any) -> Any:
    """Bit l of the returned uint64 is `values[offset + l] <= threshold`."""
    signature = types.uint64(values, types.int64, types.float32)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, start, limit = arguments
        data = _data_pointer(context, builder, signature.args[0], array)
        lanes = _load(builder, data, start, _FLOATS, 4)
        comparison = builder.fcmp_ordered("<=", lanes, _splat(builder, limit, _FLOATS))
        return builder.bitcast(comparison, _INT64)

    return signature, generate


@intrinsic
def add_to_lanes(typing_context: Any, sums: Any, offset: Any, mask: Any, value: Any) -> Any:
    """Add `value` to the float32 `sums[offset + l]` wherever bit l of `mask` is set."""
    signature = types.void(sums, types.int64, types.uint64, types.float32)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, start, bits, scalar = arguments
        data = _data_pointer(context, builder, signature.args[0], array)
        old = _load(builder, data, start, _FLOATS, 4)
        grown = builder.fadd(old, _splat(builder, scalar, _FLOATS))
        total = builder.select(builder.bitcast(bits, _BITS), grown, old)
        _store(builder, total, data, start, _FLOATS, 4)
        return context.get_dummy_value()

    return signature, generate


def _make_copy(width: int) -> Any:
    """An intrinsic that copies `width` float32: the row of one packet."""
    row = ir.VectorType(ir.FloatType(), width)

    @intrinsic
    def copy(typing_context: Any, source: Any, offset: Any, target: Any, target_offset: Any) -> Any:
        signature = types.void(source, types.int64, target, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array, start, out_array, out_start = arguments
            data = _data_pointer(context, builder, signature.args[0], array)
            out_data = _data_pointer(context, builder, signature.args[2], out_array)
            _store(builder, _load(builder, data, start, row, 4), out_data, out_start, row, 4)
            return context.get_dummy_value()

        return signature, generate

    return copy


copy_8, copy_4 = _make_copy(8), _make_copy(4)


def _make_taps(odd: bool) -> Any:
    """An intrinsic that sums a symmetric (or antisymmetric) filter's taps for 64 outputs in registers."""

    @intrinsic
    def taps(
        typing_context: Any,
        source: Any,
        offset: Any,
        step: Any,
        weights: Any,
        radius: Any,
        target: Any,
        target_offset: Any,
    ) -> Any:
        signature = types.void(source, types.int64, types.int64, weights, types.int64, target, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array, start, stride, weight_array, reach, out_array, out_start = arguments
            data = _data_pointer(context, builder, signature.args[0], array)
            weight_data = _data_pointer(context, builder, signature.args[3], weight_array)
            out_data = _data_pointer(context, builder, signature.args[5], out_array)
            combine = builder.fsub if odd else builder.fadd
            name = f"llvm.fma.v{LANES}f32"
            fma = builder.module.globals.get(name) or ir.Function(
                builder.module, ir.FunctionType(_FLOATS, [_FLOATS] * 3), name
            )
            centre = _splat(builder, builder.load(weight_data), _FLOATS)
            first = builder.fmul(_load(builder, data, start, _FLOATS, 4), centre)
            entry = builder.block
            loop = builder.append_basic_block("taps")
            end = builder.append_basic_block("taps.end")
            one = ir.Constant(_INT64, 1)
            builder.cbranch(builder.icmp_signed(">=", reach, one), loop, end)

            builder.position_at_end(loop)
            tap, total = builder.phi(_INT64), builder.phi(_FLOATS)
            distance = builder.mul(tap, stride)
            ahead = _load(builder, data, builder.add(start, distance), _FLOATS, 4)
            behind = _load(builder, data, builder.sub(start, distance), _FLOATS, 4)
            weight = _splat(builder, builder.load(builder.gep(weight_data, [tap])), _FLOATS)
            grown = builder.call(fma, [combine(ahead, behind), weight, total])
            following = builder.add(tap, one)
            tap.add_incoming(one, entry)
            tap.add_incoming(following, loop)
            total.add_incoming(first, entry)
            total.add_incoming(grown, loop)
            builder.cbranch(builder.icmp_signed("<=", following, reach), loop, end)

            builder.position_at_end(end)
            result = builder.phi(_FLOATS)
            result.add_incoming(first, entry)
            result.add_incoming(grown, loop)
            _store(builder, result, out_data, out_start, _FLOATS, 4)
            return context.get_dummy_value()

        return signature, generate

    return taps


symmetric_taps = _make_taps(odd=False)
antisymmetric_taps = _make_taps(odd=True)
