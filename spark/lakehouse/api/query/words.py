"""The SQL that a query may consist of. What is not listed here is refused.

The lists name classes of sqlglot's tree, so a construct that a newer sqlglot learns to read is
refused until somebody adds it. Functions are those that PostgreSQL and DuckDB compute alike, or are
made to (`portable`), that read nothing but their arguments, that give the same today and tomorrow,
and whose result is not much larger than what they are given: that is why neither `now`, `random`,
`string_agg`, `repeat` nor `generate_series` is among them.
"""

from __future__ import annotations

import re

from sqlglot import exp

STATEMENTS = (exp.Select, exp.SetOperation)

STRUCTURE: frozenset[type[exp.Expr]] = frozenset(
    {
        *(exp.Select, exp.Union, exp.Except, exp.Intersect, exp.Subquery, exp.Paren, exp.Tuple),
        *(exp.With, exp.CTE, exp.TableAlias, exp.Table, exp.From, exp.Join, exp.Where),
        *(exp.Group, exp.GroupingSets, exp.Rollup, exp.Cube, exp.Having, exp.Distinct),
        *(exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Window, exp.WindowSpec, exp.Filter),
        *(exp.WithinGroup, exp.Identifier, exp.Column, exp.Star, exp.Alias, exp.Literal),
        *(
            exp.Boolean,
            exp.Null,
            exp.Placeholder,
            exp.Parameter,
            exp.DataType,
            exp.DataTypeParam,
            exp.Interval,
        ),
        *(exp.Var, exp.And, exp.Or, exp.Not, exp.Is, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT),
        *(exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Between, exp.In, exp.Like, exp.ILike),
        *(exp.Exists, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe),
    }
)
"""Statements, clauses and operators."""

FUNCTIONS: dict[type[exp.Expr], str] = {
    exp.Case: "case",
    exp.If: "if",
    exp.Cast: "cast",
    exp.Coalesce: "coalesce",
    exp.Nullif: "nullif",
    exp.Greatest: "greatest",
    exp.Least: "least",
    exp.Count: "count",
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
    exp.Stddev: "stddev",
    exp.Variance: "variance",
    exp.Corr: "corr",
    exp.Median: "median",
    exp.PercentileCont: "percentile_cont",
    exp.PercentileDisc: "percentile_disc",
    exp.LogicalAnd: "bool_and",
    exp.LogicalOr: "bool_or",
    exp.RowNumber: "row_number",
    exp.Rank: "rank",
    exp.DenseRank: "dense_rank",
    exp.PercentRank: "percent_rank",
    exp.CumeDist: "cume_dist",
    exp.Ntile: "ntile",
    exp.Lag: "lag",
    exp.Lead: "lead",
    exp.FirstValue: "first_value",
    exp.LastValue: "last_value",
    exp.Abs: "abs",
    exp.Ceil: "ceil",
    exp.Floor: "floor",
    exp.Round: "round",
    exp.Sqrt: "sqrt",
    exp.Ln: "ln",
    exp.Exp: "exp",
    exp.Pow: "power",
    exp.Lower: "lower",
    exp.Upper: "upper",
    exp.Length: "length",
    exp.Trim: "trim",
    exp.Substring: "substring",
    exp.Left: "left",
    exp.Right: "right",
    exp.StartsWith: "starts_with",
    exp.StrPosition: "strpos",
    exp.SplitPart: "split_part",
    exp.Concat: "concat",
    exp.TimestampTrunc: "date_trunc",
    exp.DateTrunc: "date_trunc",
    exp.DateDiff: "date_diff",
    exp.Extract: "extract",
    exp.TimeToStr: "strftime",
    exp.Year: "year",
    exp.Quarter: "quarter",
    exp.Month: "month",
    exp.Day: "day",
}
"""Functions, with the name that a refusal offers."""

GROWING = (exp.DPipe, exp.Concat)
"""What makes a longer text of others; few of them, or a kilobyte becomes a terabyte."""

TYPES: dict[exp.DType, str] = {
    exp.DType.TEXT: "text",
    exp.DType.BOOLEAN: "boolean",
    exp.DType.INT: "int",
    exp.DType.BIGINT: "bigint",
    exp.DType.DOUBLE: "double",
    exp.DType.DECIMAL: "decimal",
    exp.DType.DATE: "date",
    exp.DType.TIMESTAMPNTZ: "timestamp",
    exp.DType.TIMESTAMPTZ: "timestamptz",
}
"""What a value may be cast to, and how that is written."""

UNITS = frozenset({"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"})
PARTS = frozenset({*UNITS - {"SECOND"}, "DOW", "ISODOW", "DOY", "ISOYEAR"})
"""What can be taken from a moment as a whole number; a second has fractions."""

FORMAT = re.compile(r"(?:%[YmdHMS]|[-/:. ])+")
"""Formats of moments that PostgreSQL and DuckDB write alike."""
NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")

ARGUMENTS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Table: frozenset({"this", "db", "alias"}),
    exp.Column: frozenset({"this", "table", "db"}),
    exp.Star: frozenset({"except_"}),
    exp.With: frozenset({"expressions"}),
    exp.CTE: frozenset({"this", "alias", "materialized"}),
    exp.Group: frozenset({"expressions", "grouping_sets", "rollup", "cube"}),
    exp.Join: frozenset({"this", "on", "using", "side", "kind"}),
    exp.Limit: frozenset({"expression", "offset"}),
    exp.Subquery: frozenset({"this", "alias", "with_"}),
    exp.Trim: frozenset({"this"}),
    exp.TimestampTrunc: frozenset({"this", "unit"}),
    exp.DateTrunc: frozenset({"this", "unit"}),
    exp.TimeToStr: frozenset({"this", "format"}),
    exp.StrPosition: frozenset({"this", "substr"}),
    exp.DataType: frozenset({"this", "expressions", "nested"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.In: frozenset({"this", "expressions", "query"}),
    **dict.fromkeys(
        (exp.Union, exp.Except, exp.Intersect),
        frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset"}),
    ),
    exp.Select: frozenset(
        {
            *("with_", "expressions", "distinct", "from_", "joins", "where", "group", "having"),
            *("windows", "order", "limit", "offset"),
        }
    ),
}
"""Parts that these may have; everything else in the lists may have all that sqlglot knows."""

WORDS: dict[tuple[type[exp.Expr], str], frozenset[str]] = {
    (exp.Join, "side"): frozenset({"LEFT", "RIGHT", "FULL"}),
    (exp.Join, "kind"): frozenset({"INNER", "OUTER", "CROSS"}),
    (exp.Window, "over"): frozenset({"OVER"}),
    (exp.WindowSpec, "kind"): frozenset({"ROWS", "RANGE"}),
    (exp.WindowSpec, "start"): frozenset({"UNBOUNDED", "CURRENT ROW"}),
    (exp.WindowSpec, "end"): frozenset({"UNBOUNDED", "CURRENT ROW"}),
    (exp.WindowSpec, "start_side"): frozenset({"PRECEDING", "FOLLOWING"}),
    (exp.WindowSpec, "end_side"): frozenset({"PRECEDING", "FOLLOWING"}),
}
"""Texts that sqlglot keeps beside the tree and would write as they are."""
