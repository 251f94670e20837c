"""The builtin operators that LiteRT has from 2.1 on, and what each takes.

A line is the operator's number, its name, the versions, how many inputs, how many outputs, its options (`!`
where the kernel does not work without), and the first input that may be left out. `*` is any number. The
versions were measured: they are those that LiteRT 2.1.0 loads. Numbers and names are the schema's, the rest
is what the kernels take.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

MINIMUM_RUNTIME = "2.1"
CUSTOM = 32

MANY = 1 << 30

_KNOWN = """
0 ADD 1-5 2 1 Add
1 AVERAGE_POOL_2D 1-3 1 1 Pool2D!
2 CONCATENATION 1-4 1-* 1 Concatenation
3 CONV_2D 1-8 2-3 1 Conv2D! 2
4 DEPTHWISE_CONV_2D 1-7 2-3 1 DepthwiseConv2D! 2
5 DEPTH_TO_SPACE 1-2 1 1 DepthToSpace!
6 DEQUANTIZE 1-7 1 1 Dequantize
7 EMBEDDING_LOOKUP 1-4 2 1 -
8 FLOOR 1 1 1 -
9 FULLY_CONNECTED 1-14 2-3 1-2 FullyConnected 2
10 HASHTABLE_LOOKUP 1 3 2 -
11 L2_NORMALIZATION 1-2 1 1 L2Norm
12 L2_POOL_2D 1 1 1 Pool2D!
13 LOCAL_RESPONSE_NORMALIZATION 1 1 1 LocalResponseNormalization
14 LOGISTIC 1-3 1 1 -
15 LSH_PROJECTION 1 2-3 1 LSHProjection!
16 LSTM 1-4 5-24 1-4 LSTM 1
17 MAX_POOL_2D 1-3 1 1 Pool2D!
18 MUL 1-7 2 1 Mul
19 RELU 1-3 1 1 -
20 RELU_N1_TO_1 1 1 1 -
21 RELU6 1-3 1 1 -
22 RESHAPE 1 1-2 1 Reshape
23 RESIZE_BILINEAR 1-4 2 1 ResizeBilinear
24 RNN 1-3 5 1 RNN
25 SOFTMAX 1-3 1 1 Softmax
26 SPACE_TO_DEPTH 1-2 1 1 SpaceToDepth!
27 SVDF 1-4 5 1 SVDF! 3
28 TANH 1-3 1 1 -
30 SKIP_GRAM 1 1 1 SkipGram!
33 EMBEDDING_LOOKUP_SPARSE 1 5 1 EmbeddingLookupSparse
34 PAD 1-5 2 1 Pad
35 UNIDIRECTIONAL_SEQUENCE_RNN 1-3 5 1 SequenceRNN
36 GATHER 1-7 2 1 Gather
37 BATCH_TO_SPACE_ND 1-4 3 1 BatchToSpaceND
38 SPACE_TO_BATCH_ND 1-4 3 1 SpaceToBatchND
39 TRANSPOSE 1-7 2 1 Transpose
40 MEAN 1-3 2 1 Reducer
41 SUB 1-5 2 1 Sub
42 DIV 1-2 2 1 Div
43 SQUEEZE 1-2 1 1 Squeeze
44 UNIDIRECTIONAL_SEQUENCE_LSTM 1-4 20-24 1 UnidirectionalSequenceLSTM 1
45 STRIDED_SLICE 1-8 4 1 StridedSlice
46 BIDIRECTIONAL_SEQUENCE_RNN 1-3 12 1-2 BidirectionalSequenceRNN 1
47 EXP 1-2 1 1 Exp
48 TOPK_V2 1-3 2 2 TopKV2
49 SPLIT 1-4 2 1-* Split!
50 LOG_SOFTMAX 1-2 1 1 LogSoftmax
52 BIDIRECTIONAL_SEQUENCE_LSTM 1-3 48 1-2 BidirectionalSequenceLSTM 1
53 CAST 1-8 1 1 Cast
54 PRELU 1 2 1 -
55 MAXIMUM 1-4 2 1 MaximumMinimum
56 ARG_MAX 1-3 2 1 ArgMax
57 MINIMUM 1-4 2 1 MaximumMinimum
58 LESS 1-3 2 1 Less
59 NEG 1 1 1 Neg
60 PADV2 1-5 3 1 PadV2
61 GREATER 1-2 2 1 Greater
62 GREATER_EQUAL 1-3 2 1 GreaterEqual
63 LESS_EQUAL 1-2 2 1 LessEqual
64 SELECT 1-4 3 1 Select
65 SLICE 1-7 3 1 Slice
66 SIN 1 1 1 -
67 TRANSPOSE_CONV 1-5 3-4 1 TransposeConv! 3
68 SPARSE_TO_DENSE 1-3 4 1 SparseToDense
69 TILE 1-3 2 1 Tile
70 EXPAND_DIMS 1 2 1 ExpandDims
71 EQUAL 1-5 2 1 Equal
72 NOT_EQUAL 1-4 2 1 NotEqual
73 LOG 1-2 1 1 -
74 SUM 1-2 2 1 Reducer
75 SQRT 1-2 1 1 -
76 RSQRT 1-3 1 1 -
77 SHAPE 1 1 1 Shape
78 POW 1 2 1 Pow
79 ARG_MIN 1-3 2 1 ArgMin
80 FAKE_QUANT 1-2 1 1 FakeQuant
81 REDUCE_PROD 1-2 2 1 Reducer
82 REDUCE_MAX 1-3 2 1 Reducer
83 PACK 1-4 1-* 1 Pack!
84 LOGICAL_OR 1 2 1 LogicalOr
85 ONE_HOT 1 4 1 OneHot
86 LOGICAL_AND 1 2 1 LogicalAnd
87 LOGICAL_NOT 1 1 1 LogicalNot
88 UNPACK 1-4 1 1-* Unpack!
89 REDUCE_MIN 1-3 2 1 Reducer
90 FLOOR_DIV 1-3 2 1 FloorDiv
91 REDUCE_ANY 1 2 1 Reducer
92 SQUARE 1 1 1 Square
93 ZEROS_LIKE 1 1 1 ZerosLike
94 FILL 1-4 2 1 Fill
95 FLOOR_MOD 1-2 2 1 FloorMod
96 RANGE 1-2 3 1 Range
97 RESIZE_NEAREST_NEIGHBOR 1-4 2 1 ResizeNearestNeighbor
98 LEAKY_RELU 1-2 1 1 LeakyRelu
99 SQUARED_DIFFERENCE 1-2 2 1 SquaredDifference
100 MIRROR_PAD 1-3 2 1 MirrorPad
101 ABS 1-5 1 1 Abs
102 SPLIT_V 1-2 3 1-* SplitV!
103 UNIQUE 1 1 2 Unique
104 CEIL 1 1 1 -
105 REVERSE_V2 1-3 2 1 ReverseV2
106 ADD_N 1 2-* 1 AddN
107 GATHER_ND 1-5 2 1 GatherNd
108 COS 1 1 1 Cos
109 WHERE 1-2 1 1 Where
110 RANK 1 1 1 Rank
111 ELU 1 1 1 -
112 REVERSE_SEQUENCE 1 2 1 ReverseSequence
113 MATRIX_DIAG 1 1 1 MatrixDiag
114 QUANTIZE 1-4 1 1 Quantize
115 MATRIX_SET_DIAG 1 2 1 MatrixSetDiag
116 ROUND 1 1 1 -
117 HARD_SWISH 1 1 1 HardSwish
118 IF 1 1-* 0-* If!
119 WHILE 1 1-* 1-* While!
120 NON_MAX_SUPPRESSION_V4 1 5 2 NonMaxSuppressionV4
121 NON_MAX_SUPPRESSION_V5 1 6 3 NonMaxSuppressionV5
122 SCATTER_ND 1 3 1 ScatterNd
123 SELECT_V2 1-2 3 1 SelectV2
124 DENSIFY 1 1 1 Densify
125 SEGMENT_SUM 1 2 1 SegmentSum
126 BATCH_MATMUL 1-4 2 1 BatchMatMul
128 CUMSUM 1 2 1 Cumsum
129 CALL_ONCE 1 0 0 CallOnce!
130 BROADCAST_TO 2-3 2 1 BroadcastTo
131 RFFT2D 1 2 1 Rfft2d
132 CONV_3D 1 2-3 1 Conv3D! 2
133 IMAG 1 1 1 -
134 REAL 1 1 1 -
135 COMPLEX_ABS 1 1 1 -
136 HASHTABLE 1 0 1 Hashtable!
137 HASHTABLE_FIND 1 3 1 HashtableFind
138 HASHTABLE_IMPORT 1 3 0 HashtableImport
139 HASHTABLE_SIZE 1 1 1 HashtableSize
140 REDUCE_ALL 1 2 1 Reducer
141 CONV_3D_TRANSPOSE 1 3-4 1 Conv3D! 3
142 VAR_HANDLE 1 0 1 VarHandle!
143 READ_VARIABLE 1 1 1 ReadVariable
144 ASSIGN_VARIABLE 1 2 0 AssignVariable
145 BROADCAST_ARGS 1 2 1 -
146 RANDOM_STANDARD_NORMAL 1 1 1 Random
147 BUCKETIZE 1 1 1 Bucketize!
148 RANDOM_UNIFORM 1 1 1 Random
149 MULTINOMIAL 1 2 1 Random
150 GELU 1-2 1 1 Gelu
151 DYNAMIC_UPDATE_SLICE 1-4 3 1 DynamicUpdateSlice
152 RELU_0_TO_1 1 1 1 -
153 UNSORTED_SEGMENT_PROD 1 3 1 UnsortedSegmentProd
154 UNSORTED_SEGMENT_MAX 1 3 1 UnsortedSegmentMax
155 UNSORTED_SEGMENT_SUM 1 3 1 UnsortedSegmentSum
156 ATAN2 1 2 1 ATan2
157 UNSORTED_SEGMENT_MIN 1 3 1 UnsortedSegmentMin
158 SIGN 1-2 1 1 Sign
159 BITCAST 1 1 1 Bitcast
160 BITWISE_XOR 1 2 1 BitwiseXor
161 RIGHT_SHIFT 1 2 1 RightShift
163 STABLEHLO_ADD 1 2 1 -
165 STABLEHLO_MULTIPLY 1 2 1 -
166 STABLEHLO_MAXIMUM 1 2 1 -
176 STABLEHLO_AND 1 2 1 -
181 STABLEHLO_MINIMUM 1 2 1 -
190 STABLEHLO_SCATTER 1 3 1 StablehloScatter!
195 STABLEHLO_PAD 1 2 1 StablehloPad!
198 STABLEHLO_REDUCE_WINDOW 1 2 1 StablehloReduceWindow!
201 STABLEHLO_GATHER 1 2 1 StablehloGather!
203 DILATE 1 3 1 Dilate
204 STABLEHLO_RNG_BIT_GENERATOR 1 1 2 StablehloRngBitGenerator!
205 REDUCE_WINDOW 1 5 1 ReduceWindow!
206 STABLEHLO_COMPOSITE 1 0-* 1-* StableHLOComposite!
207 STABLEHLO_SHIFT_LEFT 1 2 1 StablehloShiftLeft
209 STABLEHLO_CASE 1 1-* 0-* StablehloCase!
"""

_NAMED = """
29 CONCAT_EMBEDDINGS, 31 CALL, 51 DELEGATE, 127 PLACEHOLDER_FOR_GREATER_OP_CODES, 162 STABLEHLO_LOGISTIC,
164 STABLEHLO_DIVIDE, 167 STABLEHLO_RESHAPE, 168 STABLEHLO_CLAMP, 169 STABLEHLO_CONCATENATE, 170
STABLEHLO_BROADCAST_IN_DIM, 171 STABLEHLO_CONVOLUTION, 172 STABLEHLO_SLICE, 173 STABLEHLO_CUSTOM_CALL, 174
STABLEHLO_REDUCE, 175 STABLEHLO_ABS, 177 STABLEHLO_COSINE, 178 STABLEHLO_EXPONENTIAL, 179 STABLEHLO_FLOOR,
180 STABLEHLO_LOG, 182 STABLEHLO_NEGATE, 183 STABLEHLO_OR, 184 STABLEHLO_POWER, 185 STABLEHLO_REMAINDER, 186
STABLEHLO_RSQRT, 187 STABLEHLO_SELECT, 188 STABLEHLO_SUBTRACT, 189 STABLEHLO_TANH, 191 STABLEHLO_COMPARE,
192 STABLEHLO_CONVERT, 193 STABLEHLO_DYNAMIC_SLICE, 194 STABLEHLO_DYNAMIC_UPDATE_SLICE, 196 STABLEHLO_IOTA,
197 STABLEHLO_DOT_GENERAL, 199 STABLEHLO_SORT, 200 STABLEHLO_WHILE, 202 STABLEHLO_TRANSPOSE, 208
STABLEHLO_CBRT
"""


@dataclass(frozen=True)
class Builtin:
    """An operator. Ranges are (least, most); `optional_from` is the first input that may be -1."""

    name: str
    versions: tuple[int, int]
    inputs: tuple[int, int]
    outputs: tuple[int, int]
    options: str
    needs_options: bool
    optional_from: int


@cache
def builtins() -> dict[int, Builtin]:
    """The operators that the runtime has, by number."""
    return dict(_builtin(line) for line in _KNOWN.split("\n")[1:-1])


@cache
def unsupported_names() -> dict[int, str]:
    """The names of operators that are in the schema and not in the runtime."""
    pairs = (item.split() for item in _NAMED.replace("\n", " ").split(","))
    return {int(number): name for number, name in pairs}


def builtin_name(number: int) -> str:
    """The schema's name of an operator, `unknown.NUMBER` for one that is newer."""
    known = builtins().get(number)
    return known.name if known else unsupported_names().get(number, f"unknown.{number}")


def _builtin(line: str) -> tuple[int, Builtin]:
    number, name, versions, inputs, outputs, options, *rest = line.split()
    return int(number), Builtin(
        name=name,
        versions=_range(versions),
        inputs=_range(inputs),
        outputs=_range(outputs),
        options=options.strip("-!"),
        needs_options=options.endswith("!"),
        optional_from=int(rest[0]) if rest else MANY,
    )


def _range(text: str) -> tuple[int, int]:
    least, _, most = text.partition("-")
    return int(least), MANY if most == "*" else int(most or least)
