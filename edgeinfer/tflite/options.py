"""The options of operators: the two unions of the TFLite schema, a table a line.

A line is the number of a table in its union, its name without `Options`, and its fields by slot: `name:kind`,
with `=` the default where it is not 0. A kind is a letter of the module `struct`, `[` and a letter for a
vector, or `text`; `-` is a slot that nobody reads any more. Tables of operators that the runtime does not
have are without their fields. Source: the schema of TensorFlow Lite, version 3, as LiteRT 2.3 carries it.
"""

from __future__ import annotations

from functools import cache

from edgeinfer.tflite.flatbuffer import Kind, Scalar, Table, Text, Vector

_FIRST = """
1 Conv2D padding:b stride_w:i stride_h:i fused_activation_function:b dilation_wfactor:i=1
    dilation_hfactor:i=1 quantized_bias_type:b
2 DepthwiseConv2D padding:b stride_w:i stride_h:i depth_multiplier:i fused_activation_function:b
    dilation_wfactor:i=1 dilation_hfactor:i=1
3 ConcatEmbeddings
4 LSHProjection type:b
5 Pool2D padding:b stride_w:i stride_h:i filter_width:i filter_height:i fused_activation_function:b
6 SVDF rank:i fused_activation_function:b asymmetric_quantize_inputs:?
7 RNN fused_activation_function:b asymmetric_quantize_inputs:?
8 FullyConnected fused_activation_function:b weights_format:b keep_num_dims:?
    asymmetric_quantize_inputs:? quantized_bias_type:b quant_spec:[B
9 Softmax beta:f
10 Concatenation axis:i fused_activation_function:b
11 Add fused_activation_function:b pot_scale_int16:?=1
12 L2Norm fused_activation_function:b
13 LocalResponseNormalization radius:i bias:f alpha:f beta:f
14 LSTM fused_activation_function:b cell_clip:f proj_clip:f kernel_type:b asymmetric_quantize_inputs:?
15 ResizeBilinear - - align_corners:? half_pixel_centers:?
16 Call
17 Reshape new_shape:[i
18 SkipGram ngram_size:i max_skip_size:i include_all_ngrams:?
19 SpaceToDepth block_size:i
20 EmbeddingLookupSparse combiner:b
21 Mul fused_activation_function:b
22 Pad
23 Gather axis:i batch_dims:i
24 BatchToSpaceND
25 SpaceToBatchND
26 Transpose
27 Reducer keep_dims:?
28 Sub fused_activation_function:b pot_scale_int16:?=1
29 Div fused_activation_function:b
30 Squeeze squeeze_dims:[i
31 SequenceRNN time_major:? fused_activation_function:b asymmetric_quantize_inputs:?
32 StridedSlice begin_mask:i end_mask:i ellipsis_mask:i new_axis_mask:i shrink_axis_mask:i offset:?
33 Exp
34 TopKV2
35 Split num_splits:i
36 LogSoftmax
37 Cast in_data_type:b out_data_type:b
38 Dequantize
39 MaximumMinimum
40 ArgMax output_type:b
41 Less
42 Neg
43 PadV2
44 Greater
45 GreaterEqual
46 LessEqual
47 Select
48 Slice
49 TransposeConv padding:b stride_w:i stride_h:i fused_activation_function:b quantized_bias_type:b
50 SparseToDense validate_indices:?
51 Tile
52 ExpandDims
53 Equal
54 NotEqual
55 Shape out_type:b
56 Pow
57 ArgMin output_type:b
58 FakeQuant min:f max:f num_bits:i narrow_range:?
59 Pack values_count:i axis:i
60 LogicalOr
61 OneHot axis:i
62 LogicalAnd
63 LogicalNot
64 Unpack num:i axis:i
65 FloorDiv
66 Square
67 ZerosLike
68 Fill
69 BidirectionalSequenceLSTM fused_activation_function:b cell_clip:f proj_clip:f merge_outputs:?
    time_major:?=1 asymmetric_quantize_inputs:?
70 BidirectionalSequenceRNN time_major:? fused_activation_function:b merge_outputs:?
    asymmetric_quantize_inputs:?
71 UnidirectionalSequenceLSTM fused_activation_function:b cell_clip:f proj_clip:f time_major:?
    asymmetric_quantize_inputs:? diagonal_recurrent_tensors:?
72 FloorMod
73 Range
74 ResizeNearestNeighbor align_corners:? half_pixel_centers:?
75 LeakyRelu alpha:f
76 SquaredDifference
77 MirrorPad mode:b
78 Abs
79 SplitV num_splits:i
80 Unique idx_out_type:b=2
81 ReverseV2
82 AddN
83 GatherNd
84 Cos
85 Where
86 Rank
87 ReverseSequence seq_dim:i batch_dim:i
88 MatrixDiag
89 Quantize
90 MatrixSetDiag
91 HardSwish
92 If then_subgraph_index:i else_subgraph_index:i
93 While cond_subgraph_index:i body_subgraph_index:i
94 DepthToSpace block_size:i
95 NonMaxSuppressionV4
96 NonMaxSuppressionV5
97 ScatterNd
98 SelectV2
99 Densify
100 SegmentSum
101 BatchMatMul adj_x:? adj_y:? asymmetric_quantize_inputs:?
102 Cumsum exclusive:? reverse:?
103 CallOnce init_subgraph_index:i
104 BroadcastTo
105 Rfft2d
106 Conv3D padding:b stride_d:i stride_w:i stride_h:i fused_activation_function:b dilation_dfactor:i=1
    dilation_wfactor:i=1 dilation_hfactor:i=1
107 Hashtable table_id:i key_dtype:b value_dtype:b
108 HashtableFind
109 HashtableImport
110 HashtableSize
111 VarHandle container:text shared_name:text
112 ReadVariable
113 AssignVariable
114 Random seed:q seed2:q
115 Bucketize boundaries:[f
116 Gelu approximate:?
117 DynamicUpdateSlice
118 UnsortedSegmentProd
119 UnsortedSegmentMax
120 UnsortedSegmentMin
121 UnsortedSegmentSum
122 ATan2
123 Sign
124 Bitcast
125 BitwiseXor
126 RightShift
"""

_SECOND = """
1 StablehloConcatenate
2 StablehloBroadcastInDim
3 StablehloSlice
4 StablehloConvolution
5 StablehloCustomCall
6 StablehloReduce
7 StablehloScatter indices_are_sorted:? update_window_dims:[q inserted_window_dims:[q
    scatter_dims_to_operand_dims:[q index_vector_dim:q unique_indices:?
    update_computation_subgraph_index:i
8 StablehloCompare
9 StablehloDynamicSlice
10 StablehloPad edge_padding_low:[q edge_padding_high:[q interior_padding:[q
11 StablehloIota
12 StablehloDotGeneral
13 StablehloReduceWindow window_dimensions:[q window_strides:[q base_dilations:[q window_dilations:[q
    padding:[q body_subgraph_index:i
14 StablehloSort
15 StablehloWhile
16 StablehloGather offset_dims:[q collapsed_slice_dims:[q start_index_map:[q index_vector_dim:q
    slice_sizes:[q indices_are_sorted:?
17 StablehloTranspose
18 Dilate
19 StablehloRngBitGenerator algorithm:b
20 ReduceWindow reduce_function:i
21 StableHLOComposite name:text decomposition_subgraph_index:i composite_attributes:[B
    composite_attributes_format:b version:i
22 StablehloShiftLeft
23 StablehloCase branch_subgraph_indices:[i
"""


@cache
def first_options() -> dict[int, Table]:
    """The tables of the union BuiltinOptions, by number."""
    return dict(_table(line) for line in _lines(_FIRST))


@cache
def second_options() -> dict[int, Table]:
    """The tables of the union BuiltinOptions2, by number."""
    return dict(_table(line) for line in _lines(_SECOND))


def _lines(text: str) -> list[str]:
    return text.replace("\n    ", " ").split("\n")[1:-1]


def _table(line: str) -> tuple[int, Table]:
    number, name, *fields = line.split()
    return int(number), Table(name, tuple(_field(field) for field in fields))


def _field(text: str) -> tuple[str, Kind]:
    name, _, kind = text.partition(":")
    if not kind:
        return "", Scalar("b")
    if kind == "text":
        return name, Text()
    if kind.startswith("["):
        return name, Vector(kind[1:])
    letter, _, default = kind.partition("=")
    return name, Scalar(letter, int(default or 0))
