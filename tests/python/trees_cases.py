"""Writes tree models and what their own libraries answer, for planner/tests/trees.rs.

    python tests/python/trees_cases.py OUT

Each case is a folder OUT/NAME:
    meta.json      library, model files (each holds the same model), shapes, options, or the refusal that is expected
    rows.f64       [rows, n_features], little-endian f64
    raw.f64        [rows, n_targets], the library's raw scores (f32 ones widened)
    predict.f64    [rows, n_outputs], what the library's predict answers by default, where it is compared

Everything is seeded and runs on one thread. Needs numpy, pandas, lightgbm, xgboost and catboost.
"""

import json
import re
import shutil
import sys
import warnings
from pathlib import Path

import catboost as cb
import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb

warnings.filterwarnings("ignore")
xgb.set_config(verbosity=0)
OUT = Path()
NOTES = []
N_TRAIN = 400


def rng_of(name):
    return np.random.default_rng(int.from_bytes(name.encode(), "little") % 2**63)


def data(rng, n=N_TRAIN, f=6, nan=0.1, zero=0.1):
    """Features of mixed scales with NaN and exact zeros, and a regression target."""
    x = rng.normal(size=(n, f)) * np.array([1, 10, 0.01, 1000, 1, 1e-3])[np.arange(f) % 6]
    x[:, f - 1] = np.round(x[:, f - 1] * 2000)
    y = x[:, 0] * 2 + np.sin(x[:, 1]) + (x[:, 3] > 200) * x[:, 0] + rng.normal(size=n) * 0.1
    x[rng.random(x.shape) < zero] = 0.0
    x[rng.random(x.shape) < nan] = np.nan
    return x, y


SPECIAL = [np.nan, 0.0, -0.0, 5e-324, -5e-324, 1e-40, 1e-36, -1e-36, float(np.float32(1e-35)), -float(np.float32(1e-35)),
           1.1e-35, -1.1e-35, 1e-30, 1.0, -1.0, 1e9, -1e9, 3e38, -3e38]


def edge_rows(rng, x, thresholds, finite):
    """Rows of x with single values replaced by thresholds, their neighbours in f64 and f32, and special values."""
    rows = []
    thresholds = list(thresholds)
    rng.shuffle(thresholds)
    for feature, t in thresholds[:60]:
        near = np.float32(t)
        for value in (t, np.nextafter(t, np.inf), np.nextafter(t, -np.inf), float(near),
                      float(np.nextafter(near, np.float32(np.inf))), float(np.nextafter(near, np.float32(-np.inf)))):
            row = x[rng.integers(len(x))].copy()
            row[feature] = value
            rows.append(row)
    special = SPECIAL + ([] if finite else [np.inf, -np.inf, 1e300, -1e300])
    for feature in range(x.shape[1]):
        for value in special:
            row = x[rng.integers(len(x))].copy()
            row[feature] = value
            rows.append(row)
    rows.append(np.full(x.shape[1], np.nan))
    rows.append(np.zeros(x.shape[1]))
    rows = np.array(rows)
    if finite:
        rows = np.where(np.isnan(rows), rows, np.clip(rows, -3e38, 3e38))
    return np.concatenate([x[:120], rows])


def folder(name):
    path = OUT / name
    path.mkdir(parents=True)
    return path


def put(path, library, files, rows, raw, width, predict=None, **more):
    raw = np.asarray(raw, dtype=np.float64).reshape(len(rows), -1)
    rows.astype("<f8").tofile(path / "rows.f64")
    raw.astype("<f8").tofile(path / "raw.f64")
    meta = dict(library=library, models=files, rows=len(rows), n_features=rows.shape[1], n_targets=raw.shape[1], width=width)
    if predict is not None:
        predict = np.asarray(predict, dtype=np.float64).reshape(len(rows), -1)
        predict.astype("<f8").tofile(path / "predict.f64")
        meta["n_outputs"] = predict.shape[1]
    (path / "meta.json").write_text(json.dumps(meta | more, indent=1))


def refuse(name, library, word, save):
    path = folder(name)
    file = save(path)
    (path / "meta.json").write_text(json.dumps(dict(library=library, models=[file], refused=word)))


# LightGBM ------------------------------------------------------------------------------------------------------------


def lgb_thresholds(text):
    for tree in text.split("Tree=")[1:]:
        lines = dict(line.split("=", 1) for line in tree.splitlines() if "=" in line)
        columns = [lines.get(key, "").split() for key in ("split_feature", "threshold", "decision_type")]
        for feature, threshold, decision in zip(*columns):
            if not int(decision) & 1:
                yield int(feature), float(threshold)


def lgb_case(name, params, x=None, y=None, n_trees=15, doctor=None, train=None, group=None, frame=None, categorical=None,
             options=None, predict=True, rows=None, valid=None):
    rng = rng_of(name)
    if x is None:
        x, target = data(rng)
        y = target if y is None else y(target, rng)
    params = dict(verbose=-1, num_threads=1, seed=7, deterministic=True, num_leaves=8, min_data_in_leaf=5) | params
    source = frame if frame is not None else x
    dataset = lgb.Dataset(source, y, group=group, categorical_feature=categorical or "auto", free_raw_data=False)
    more = {}
    if valid:
        more = dict(valid_sets=[lgb.Dataset(x[:100], y[:100], reference=dataset)], callbacks=[lgb.early_stopping(3, verbose=False)])
    booster = lgb.train(params, dataset, n_trees, **more)
    path = folder(name)
    booster.save_model(path / "model.txt")
    if doctor:
        text = doctor((path / "model.txt").read_text())
        (path / "model.txt").write_text(text)
    text = (path / "model.txt").read_text()
    loaded = lgb.Booster(model_file=path / "model.txt")
    if rows is None:
        base = x if frame is None else codes_of(frame, json.loads(text.rsplit("pandas_categorical:", 1)[1]))
        rows = edge_rows(rng, base, lgb_thresholds(text), finite=False)
    rounds = dict(num_iteration=options["iterations"]) if options else {}
    raw = loaded.predict(rows, raw_score=True, num_threads=1, **rounds)
    # One row at a time takes another road through the library; the answers must not depend on it.
    for index in range(0, len(rows), 37):
        single = loaded.predict(rows[index:index + 1], raw_score=True, num_threads=1, **rounds)
        assert np.array_equal(np.ravel(single), np.ravel(raw[index]), equal_nan=True), (name, index)
    if not doctor and not options and frame is None:
        same = np.array_equal(raw, booster.predict(rows, raw_score=True, num_threads=1), equal_nan=True)
        if not same:
            NOTES.append(f"{name}: the reloaded model differs from the one in memory")
    if frame is not None:
        from_frame = loaded.predict(frame.iloc[:120], raw_score=True, num_threads=1)
        assert np.array_equal(from_frame, raw[:120]), name
    out = loaded.predict(rows, num_threads=1, **rounds) if predict else None
    extra = dict(iterations=options["iterations"]) if options else {}
    if frame is not None:
        extra["categories"] = json.loads(text.rsplit("pandas_categorical:", 1)[1])
    put(path, "LightGBM", ["model.txt"], rows, raw, 64, out, **extra)


def codes_of(frame, categories):
    """A frame's columns as the numbers that the library scores: categories by their place in the lists."""
    columns, lists = [], iter(categories)
    for column in frame:
        if isinstance(frame[column].dtype, pd.CategoricalDtype):
            places = {value: float(place) for place, value in enumerate(next(lists))}
            columns.append([places.get(value, np.nan) for value in frame[column]])
        else:
            columns.append(frame[column].astype(float))
    return np.array(columns).T


def cat_data(rng, n=600, cardinality=30):
    x = np.stack([rng.integers(0, cardinality, n), rng.normal(size=n), rng.integers(0, 4, n)], 1).astype(float)
    effect = rng.normal(size=cardinality)
    y = effect[x[:, 0].astype(int)] + (x[:, 2] == 2) + 0.3 * x[:, 1]
    x[rng.random(x.shape) < 0.05] = np.nan
    return x, y


def cat_rows(rng, x, finite=False):
    extra = []
    values = [-0.5, -0.0, 0.5, 1.999, 2.5, 29.0, 30.0, 31.5, 32.0, 63.0, 64.0, 1000.0, np.nan]
    if not finite:
        values += [-1.0, -0.999999, -2.0, 2147483647.0, 2147483648.0, 4294967296.0, 1e300, np.inf, -np.inf, 5e-324, -5e-324]
    for feature in (0, 2):
        for value in values:
            row = x[rng.integers(len(x))].copy()
            row[feature] = value
            extra.append(row)
    return np.concatenate([x[:200], np.array(extra)])


def frame_data(rng, n=500, beyond_ascii=True):
    colours = ["red", "grün", "blue", "a\"b\\c", "日本"] if beyond_ascii else ["red", "green", "blue", "a\"b\\c", ""]
    frame = pd.DataFrame({
        "size": rng.normal(size=n),
        "colour": pd.Categorical(rng.choice(colours, n)),
        "year": pd.Categorical(rng.choice([1990, 2000, 2020], n)),
        "weight": rng.exponential(size=n),
    })
    y = (frame.colour == "red") * 2.0 + (frame.year == 2000) * 1.0 + frame["size"] + (frame.colour == colours[4]) * frame.weight
    frame.loc[rng.random(n) < 0.05, "colour"] = np.nan
    return frame, y.to_numpy()


def positive(y, _):
    return np.exp(np.clip(y / 3, -2, 2))


def binary(y, _):
    return (y > 0.3).astype(float)


def classes(y, _):
    return np.digitize(y, [-1.0, 1.0]).astype(float)


def counts(y, rng):
    return rng.poisson(np.exp(np.clip(y / 4, -2, 2))).astype(float)


def unit(y, _):
    return 1 / (1 + np.exp(-y))


def relevance(y, _):
    return np.digitize(y, [-2.0, 0.0, 2.0]).astype(int)


def lightgbm_cases():
    simple = {
        "regression": {}, "regression_l1": {}, "huber": {}, "fair": {}, "quantile": dict(alpha=0.7), "mape": {},
    }
    for objective, more in simple.items():
        lgb_case(f"lgb_{objective}", dict(objective=objective) | more)
    for objective in ("poisson", "gamma", "tweedie"):
        lgb_case(f"lgb_{objective}", dict(objective=objective), y=positive)
    lgb_case("lgb_sqrt", dict(objective="regression", reg_sqrt=True))
    lgb_case("lgb_binary", dict(objective="binary"), y=binary)
    lgb_case("lgb_binary_sigmoid", dict(objective="binary", sigmoid=0.7), y=binary)
    lgb_case("lgb_multiclass", dict(objective="multiclass", num_class=3), y=classes)
    lgb_case("lgb_multiclassova", dict(objective="multiclassova", num_class=3, sigmoid=1.3), y=classes)
    lgb_case("lgb_cross_entropy", dict(objective="cross_entropy"), y=unit)
    lgb_case("lgb_cross_entropy_lambda", dict(objective="cross_entropy_lambda"), y=unit)
    lgb_case("lgb_lambdarank", dict(objective="lambdarank"), y=relevance, group=[20] * (N_TRAIN // 20))
    lgb_case("lgb_rank_xendcg", dict(objective="rank_xendcg"), y=relevance, group=[20] * (N_TRAIN // 20))
    lgb_case("lgb_custom", dict(objective=lambda p, d: (p - d.get_label(), np.ones_like(p))))
    lgb_case("lgb_dart", dict(objective="regression", boosting="dart", drop_rate=0.5, skip_drop=0.1), n_trees=25)
    lgb_case("lgb_dart_binary", dict(objective="binary", boosting="dart", drop_rate=0.5, xgboost_dart_mode=True), y=binary)
    forest = dict(boosting="rf", bagging_freq=1, bagging_fraction=0.6, feature_fraction=0.7)
    lgb_case("lgb_rf", dict(objective="regression") | forest)
    lgb_case("lgb_rf_binary", dict(objective="binary") | forest, y=binary)
    lgb_case("lgb_rf_multiclass", dict(objective="multiclass", num_class=3) | forest, y=classes, n_trees=7)
    lgb_case("lgb_goss", dict(objective="regression", data_sample_strategy="goss"), n_trees=30)
    lgb_case("lgb_linear", dict(objective="regression", linear_tree=True))
    lgb_case("lgb_linear_binary", dict(objective="binary", linear_tree=True, linear_lambda=0.1), y=binary)
    lgb_case("lgb_linear_dart", dict(objective="regression", linear_tree=True, boosting="dart"), n_trees=12)
    lgb_case("lgb_zero_as_missing", dict(objective="regression", zero_as_missing=True))
    lgb_case("lgb_no_missing", dict(objective="regression", use_missing=False))
    rng = rng_of("no nan")
    x, y = data(rng, nan=0)
    lgb_case("lgb_missing_none", dict(objective="regression"), x=x, y=y)
    lgb_case("lgb_deep", dict(objective="regression", num_leaves=127, min_data_in_leaf=1), n_trees=10)
    lgb_case("lgb_stumps", dict(objective="regression", num_leaves=2), n_trees=60)
    lgb_case("lgb_constant", dict(objective="regression", min_data_in_leaf=N_TRAIN), n_trees=5)
    lgb_case("lgb_constant_linear", dict(objective="regression", min_data_in_leaf=N_TRAIN, linear_tree=True), n_trees=5)
    lgb_case("lgb_extra_trees", dict(objective="regression", extra_trees=True, path_smooth=2.0))
    lgb_case("lgb_monotone", dict(objective="regression", monotone_constraints=[1, 0, 0, 0, -1, 0]))
    lgb_case("lgb_best_iteration", dict(objective="regression", metric="l2", learning_rate=0.9), n_trees=100, valid=True)
    lgb_case("lgb_first_rounds", dict(objective="multiclass", num_class=3), y=classes, options=dict(iterations=4))
    lgb_case("lgb_rf_first_rounds", dict(objective="regression") | forest, options=dict(iterations=5))
    lgb_case("lgb_many", dict(objective="binary", num_leaves=31), y=binary, n_trees=200)
    for name, more in {"lgb_cat": {}, "lgb_cat_onehot": dict(max_cat_to_onehot=64),
                       "lgb_cat_zero_missing": dict(zero_as_missing=True)}.items():
        rng = rng_of(name)
        x, y = cat_data(rng)
        small = dict(objective="regression", min_data_per_group=2, cat_smooth=1, cat_l2=0)
        lgb_case(name, small | more, x=x, y=y, categorical=[0, 2], rows=cat_rows(rng, x))
    rng = rng_of("wide categories")
    x, y = cat_data(rng, n=3000, cardinality=300)
    lgb_case("lgb_cat_wide", dict(objective="regression", min_data_per_group=1, cat_smooth=1), x=x, y=y, categorical=[0],
             rows=cat_rows(rng, x))
    frame, y = frame_data(rng_of("frame"))
    lgb_case("lgb_pandas", dict(objective="regression", min_data_per_group=2), x=frame, y=y, frame=frame)
    lgb_case("lgb_pandas_binary", dict(objective="binary", min_data_per_group=2), x=frame, y=(y > 1).astype(float), frame=frame)

    def zero_band(text):
        # Thresholds inside the band of values that count as zero: training never writes them, files may hold them.
        tiny = iter([0.0, -0.0, 1e-36, -1e-36, float(np.float32(1e-35)), -float(np.float32(1e-35)), 9e-36, -5e-324] * 50)
        # The sizes of the trees' texts change with them; the library reads files without `tree_sizes` too.
        text = re.sub(r"(?m)^tree_sizes=.*\n", "", text)
        return re.sub(r"(?m)^threshold=(.*)$", lambda m: "threshold=" + " ".join(repr(next(tiny)) for _ in m[1].split()), text)

    for name, more in {"lgb_zero_band": {}, "lgb_zero_band_missing": dict(zero_as_missing=True),
                       "lgb_zero_band_none": dict(use_missing=False)}.items():
        rng = rng_of(name)
        x, y = data(rng)
        values = np.array(SPECIAL + [9e-36, -9e-36, 2e-36, np.inf, -np.inf])
        lgb_case(name, dict(objective="regression") | more, x=x, y=y, doctor=zero_band, n_trees=6,
                 rows=rng.choice(values, size=(300, x.shape[1])))


# XGBoost -------------------------------------------------------------------------------------------------------------


def xgb_thresholds(path):
    document = json.loads(re.sub(r"\bNaN\b", "0", (path / "model.json").read_text()))
    booster = document["learner"]["gradient_booster"]
    for tree in booster.get("gbtree", booster)["model"]["trees"]:
        for left, feature, value, kind in zip(tree["left_children"], tree["split_indices"], tree["split_conditions"],
                                              tree["split_type"]):
            if left != -1 and kind == 0:
                yield feature, float(np.float32(value))


def xgb_case(name, params, x=None, y=None, n_trees=12, types=None, rows=None, options=None, frame=None, valid=False,
             group=None, bounds=None, files=("model.json", "model.ubj"), predict=True):
    rng = rng_of(name)
    if x is None:
        x, target = data(rng)
        y = target if y is None else y(target, rng)
    params = dict(nthread=1, seed=7, max_depth=4) | params
    source = frame if frame is not None else x
    dtrain = xgb.DMatrix(source, y, feature_types=types, enable_categorical=types is not None or frame is not None, nthread=1)
    if group:
        dtrain.set_group(group)
    if bounds:
        dtrain.set_float_info("label_lower_bound", y)
        dtrain.set_float_info("label_upper_bound", y * 1.5)
    more = {}
    if valid:
        more = dict(evals=[(xgb.DMatrix(x[:100], y[:100]), "v")], early_stopping_rounds=3, verbose_eval=False)
    booster = xgb.train(params, dtrain, n_trees, **more)
    path = folder(name)
    for file in files:
        booster.save_model(path / file)
    loaded = xgb.Booster(params=dict(nthread=1), model_file=path / "model.json")
    if rows is None and frame is None:
        rows = edge_rows(rng, x, xgb_thresholds(path), finite=True)
    if frame is not None:
        d = xgb.DMatrix(frame, enable_categorical=True, nthread=1)
    else:
        d = xgb.DMatrix(rows, feature_types=types, enable_categorical=types is not None, nthread=1)
    rounds = dict(iteration_range=(0, options["iterations"])) if options else {}
    raw = loaded.predict(d, output_margin=True, **rounds)
    assert raw.dtype == np.float32
    if not options:
        same = np.array_equal(raw, booster.predict(d, output_margin=True))
        if not same:
            NOTES.append(f"{name}: the reloaded model differs from the one in memory")
    if frame is None:
        for index in range(0, len(rows), 41):
            one = xgb.DMatrix(rows[index:index + 1], feature_types=types, enable_categorical=types is not None, nthread=1)
            single = loaded.predict(one, output_margin=True, **rounds)
            assert np.array_equal(np.ravel(single), np.ravel(raw[index]), equal_nan=True), (name, index)
    extra = dict(iterations=options["iterations"]) if options else {}
    if valid:
        extra["best_iteration"] = booster.best_iteration
    if frame is not None:
        extra["categories"] = [list(frame[c].cat.categories) for c in frame if isinstance(frame[c].dtype, pd.CategoricalDtype)]
        rows = codes_of(frame, extra["categories"])
        extra["categories"] = [[v.item() if hasattr(v, "item") else v for v in values] for values in extra["categories"]]
    put(path, "XGBoost", list(files), rows, raw, 32, loaded.predict(d, **rounds) if predict else None, **extra)


def xgboost_cases():
    for objective in ("reg:squarederror", "reg:pseudohubererror", "reg:absoluteerror"):
        xgb_case("xgb_" + objective[4:], dict(objective=objective))
    xgb_case("xgb_quantile", dict(objective="reg:quantileerror", quantile_alpha=0.3))
    xgb_case("xgb_quantiles", dict(objective="reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.9]))
    xgb_case("xgb_squaredlogerror", dict(objective="reg:squaredlogerror"), y=positive)
    xgb_case("xgb_logistic", dict(objective="binary:logistic"), y=binary, files=("model.json", "model.ubj", "model.model"))
    xgb_case("xgb_reg_logistic", dict(objective="reg:logistic"), y=unit)
    xgb_case("xgb_logitraw", dict(objective="binary:logitraw"), y=binary)
    xgb_case("xgb_hinge", dict(objective="binary:hinge"), y=binary)
    for base in (0.01, 0.123, 0.3, 0.5, 0.77, 0.999):
        xgb_case(f"xgb_logistic_base_{base}", dict(objective="binary:logistic", base_score=base), y=binary, n_trees=4)
    xgb_case("xgb_no_trees", dict(objective="binary:logistic", base_score=0.5), y=binary, n_trees=0)
    xgb_case("xgb_base", dict(objective="reg:squarederror", base_score=-7.3))
    xgb_case("xgb_poisson", dict(objective="count:poisson"), y=counts)
    xgb_case("xgb_poisson_base", dict(objective="count:poisson", base_score=0.37), y=counts)
    xgb_case("xgb_gamma", dict(objective="reg:gamma"), y=positive)
    xgb_case("xgb_tweedie", dict(objective="reg:tweedie", tweedie_variance_power=1.3), y=positive)
    xgb_case("xgb_cox", dict(objective="survival:cox"), y=lambda y, rng: positive(y, rng) * rng.choice([-1, 1], len(y)))
    xgb_case("xgb_aft", dict(objective="survival:aft"), y=positive, bounds=True)
    xgb_case("xgb_softmax", dict(objective="multi:softmax", num_class=3), y=classes)
    xgb_case("xgb_softprob", dict(objective="multi:softprob", num_class=3), y=classes)
    xgb_case("xgb_softprob_base", dict(objective="multi:softprob", num_class=3, base_score=0.2), y=classes)
    for objective in ("rank:pairwise", "rank:ndcg"):
        xgb_case("xgb_" + objective.replace(":", "_"), dict(objective=objective), y=relevance, group=[20] * (N_TRAIN // 20))
    xgb_case("xgb_rank_map", dict(objective="rank:map"), y=binary, group=[20] * (N_TRAIN // 20))
    dart = dict(booster="dart", rate_drop=0.4, skip_drop=0.1)
    xgb_case("xgb_dart", dict(objective="reg:squarederror") | dart, n_trees=30)
    xgb_case("xgb_dart_binary", dict(objective="binary:logistic", normalize_type="forest") | dart, y=binary, n_trees=30)
    xgb_case("xgb_dart_multi", dict(objective="multi:softprob", num_class=3) | dart, y=classes)
    bagged = dict(num_parallel_tree=5, subsample=0.6, colsample_bynode=0.6)
    xgb_case("xgb_forest", dict(objective="reg:squarederror", learning_rate=1) | bagged, n_trees=1)
    xgb_case("xgb_boosted_forest", dict(objective="multi:softprob", num_class=3) | bagged, y=classes, n_trees=3)
    for method in ("exact", "approx", "hist"):
        xgb_case(f"xgb_{method}", dict(objective="reg:squarederror", tree_method=method, max_depth=6))
    xgb_case("xgb_pruned", dict(objective="reg:squarederror", tree_method="exact", gamma=30.0, max_depth=8))
    xgb_case("xgb_deep", dict(objective="reg:squarederror", max_depth=14, min_child_weight=0))
    xgb_case("xgb_stumps", dict(objective="reg:squarederror", max_depth=1), n_trees=60)
    xgb_case("xgb_constant", dict(objective="reg:squarederror", min_child_weight=1e9))
    xgb_case("xgb_lossguide", dict(objective="reg:squarederror", grow_policy="lossguide", max_leaves=20, max_depth=0))
    xgb_case("xgb_best_iteration", dict(objective="reg:squarederror", learning_rate=0.9), n_trees=100, valid=True)
    xgb_case("xgb_first_rounds", dict(objective="multi:softprob", num_class=3) | bagged, y=classes, n_trees=6,
             options=dict(iterations=2))
    xgb_case("xgb_many", dict(objective="binary:logistic"), y=binary, n_trees=150)
    rng = rng_of("no nan")
    x, y = data(rng, nan=0)
    xgb_case("xgb_dense", dict(objective="reg:squarederror"), x=x, y=y)
    x, y = data(rng_of("tiny"))
    xgb_case("xgb_subnormal", dict(objective="reg:squarederror"), x=x * 1e-41, y=y)
    targets = np.stack([y, -y + 1, np.abs(y)], 1)
    x, _ = data(rng_of("tiny"))
    xgb_case("xgb_multi_target", dict(objective="reg:squarederror"), x=x, y=targets)
    xgb_case("xgb_vector_leaf", dict(objective="reg:squarederror", multi_strategy="multi_output_tree"), x=x, y=targets)
    xgb_case("xgb_vector_leaf_multi", dict(objective="multi:softprob", num_class=3, multi_strategy="multi_output_tree"), y=classes)
    xgb_case("xgb_multi_target_dart", dict(objective="reg:squarederror", **dart), x=x, y=targets)
    xgb_case("xgb_vector_leaf_forest", dict(objective="reg:squarederror", multi_strategy="multi_output_tree", **bagged), x=x,
             y=targets, n_trees=3)
    xgb_case("xgb_multi_label", dict(objective="binary:logistic"), x=x, y=(targets > 0.5).astype(float))
    for name, more in {"xgb_cat_onehot": dict(max_cat_to_onehot=100), "xgb_cat_partition": dict(max_cat_to_onehot=1),
                       "xgb_cat_approx": dict(tree_method="approx", max_cat_to_onehot=1)}.items():
        rng = rng_of(name)
        x, y = cat_data(rng)
        xgb_case(name, dict(objective="reg:squarederror", tree_method="hist") | more, x=x, y=y, types=["c", "float", "c"],
                 rows=cat_rows(rng, x, finite=True))
    frame, y = frame_data(rng_of("frame"), beyond_ascii=False)
    xgb_case("xgb_pandas", dict(objective="reg:squarederror", max_cat_to_onehot=1), x=frame, y=y, frame=frame)

    def linear(path):
        x, y = data(rng_of("linear"))
        xgb.train(dict(booster="gblinear", nthread=1), xgb.DMatrix(np.nan_to_num(x), y), 2).save_model(path / "model.json")
        return "model.json"

    def cut_texts(path):
        frame, y = frame_data(rng_of("frame"))
        matrix = xgb.DMatrix(frame, y, enable_categorical=True)
        xgb.train(dict(nthread=1), matrix, 2).save_model(path / "model.json")
        return "model.json"

    refuse("xgb_refused_linear", "XGBoost", "gblinear", linear)
    refuse("xgb_refused_texts", "XGBoost", "ASCII", cut_texts)


# CatBoost ------------------------------------------------------------------------------------------------------------


def cb_thresholds(document):
    for feature in document["features_info"]["float_features"]:
        for border in feature.get("borders") or []:
            yield feature["flat_feature_index"], border


def cb_case(name, loss, x=None, y=None, kind=None, n_trees=20, options=None, scale=None, pool=None, predict=True, valid=False,
            **params):
    rng = rng_of(name)
    if x is None:
        x, target = data(rng)
        y = target if y is None else y(target, rng)
    params = dict(iterations=n_trees, depth=4, random_seed=7, thread_count=1, verbose=0, allow_writing_files=False,
                  loss_function=loss) | params
    if "grow_policy" in params and params["grow_policy"] == "Lossguide":
        params.pop("depth")
    model = cb.CatBoost(params)
    train = cb.Pool(x, y, thread_count=1) if pool is None else pool(x, y)
    model.fit(train, eval_set=cb.Pool(x[:80], y[:80]) if valid else None)
    if scale:
        model.set_scale_and_bias(*scale)
    path = folder(name)
    model.save_model(str(path / "model.json"), format="json")
    model.save_model(str(path / "model.cbm"))
    binary_form = cb.CatBoost().load_model(str(path / "model.cbm"))
    (path / "model.cbm").unlink()
    document = json.loads((path / "model.json").read_text())
    # The text of the options and of the training is most of the file and none of the model.
    document["model_info"] = {k: v for k, v in document["model_info"].items() if k in ("params", "class_params", "catboost_version_info")}
    document["model_info"]["params"] = {"loss_function": document["model_info"]["params"]["loss_function"]}
    (path / "small.json").write_text(json.dumps(document, separators=(",", ":")))
    files = ["model.json", "small.json"] if name in ("cb_rmse", "cb_multiclass", "cb_depthwise") else ["small.json"]
    if len(files) == 1:
        (path / "model.json").unlink()
    rows = edge_rows(rng, x, cb_thresholds(document), finite=False)
    rounds = dict(ntree_end=options["iterations"]) if options else {}
    raw = model.predict(rows, prediction_type="RawFormulaVal", thread_count=1, **rounds)
    assert np.array_equal(raw, binary_form.predict(rows, prediction_type="RawFormulaVal", thread_count=1, **rounds)), name
    for index in range(0, len(rows), 43):
        single = model.predict(rows[index:index + 1], prediction_type="RawFormulaVal", thread_count=1, **rounds)
        assert np.array_equal(np.ravel(single), np.ravel(raw[index]), equal_nan=True), (name, index)
    extra = dict(iterations=options["iterations"]) if options else {}
    out = None
    if predict:
        out = model.predict(rows, prediction_type=kind or "RawFormulaVal", thread_count=1, **rounds)
        if kind == "Probability" and raw.ndim == 1:
            out = out[:, 1]
    put(path, "CatBoost", files, rows, raw, 64, out, **extra)


def catboost_cases():
    for loss in ("RMSE", "MAE", "Quantile:alpha=0.3", "Huber:delta=1.0", "LogCosh", "MAPE", "Expectile:alpha=0.7"):
        cb_case("cb_" + loss.split(":")[0].lower(), loss)
    cb_case("cb_poisson", "Poisson", y=counts, kind="Exponent")
    cb_case("cb_tweedie", "Tweedie:variance_power=1.5", y=positive, kind="Exponent")
    cb_case("cb_logloss", "Logloss", y=binary, kind="Probability")
    cb_case("cb_crossentropy", "CrossEntropy", y=unit, kind="Probability")
    cb_case("cb_multiclass", "MultiClass", y=classes, kind="Probability")
    cb_case("cb_multiclassova", "MultiClassOneVsAll", y=classes, kind="Probability", depth=6)
    cb_case("cb_labels", "MultiClass", y=lambda y, r: np.array(["low", "mid", "high"])[classes(y, r).astype(int)], kind="Probability")
    x, y = data(rng_of("targets"))
    targets = np.stack([y, -y + 1, np.abs(y)], 1)
    cb_case("cb_multirmse", "MultiRMSE", x=x, y=targets)
    cb_case("cb_multilogloss", "MultiLogloss", x=x, y=(targets > 0.5).astype(float), kind="Probability")
    cb_case("cb_yetirank", "YetiRank", y=lambda y, r: relevance(y, r).astype(float),
            pool=lambda x, y: cb.Pool(x, y, group_id=np.repeat(np.arange(N_TRAIN // 20), 20)))
    cb_case("cb_queryrmse", "QueryRMSE", pool=lambda x, y: cb.Pool(x, y, group_id=np.repeat(np.arange(N_TRAIN // 20), 20)))
    for depth in (1, 2, 6, 8, 9, 12):
        cb_case(f"cb_depth_{depth}", "RMSE", depth=depth, n_trees=min(30, 240 // depth // depth + 2))
    cb_case("cb_depth_16", "RMSE", depth=16, n_trees=1)
    cb_case("cb_depth_9_multi", "MultiClass", y=classes, depth=9, n_trees=4, kind="Probability")
    cb_case("cb_nan_max", "RMSE", nan_mode="Max")
    cb_case("cb_nan_max_depthwise", "RMSE", nan_mode="Max", grow_policy="Depthwise")
    rng = rng_of("no nan")
    x, y = data(rng, nan=0)
    cb_case("cb_dense", "RMSE", x=x, y=y)
    cb_case("cb_subnormal", "RMSE", x=x * 1e-41, y=y)
    for policy in ("Depthwise", "Lossguide"):
        cb_case(f"cb_{policy.lower()}", "RMSE", grow_policy=policy)
        cb_case(f"cb_{policy.lower()}_multi", "MultiClass", y=classes, grow_policy=policy, kind="Probability")
    cb_case("cb_lossguide_deep", "RMSE", grow_policy="Lossguide", max_leaves=60, max_depth=16, min_data_in_leaf=1)
    cb_case("cb_borders", "RMSE", border_count=1000, n_trees=40)
    cb_case("cb_coarse", "RMSE", border_count=4)
    cb_case("cb_no_average", "RMSE", boost_from_average=False)
    cb_case("cb_scale", "RMSE", scale=(0.3, 1.7))
    cb_case("cb_scale_depthwise", "RMSE", scale=(-1.1, 0.1), grow_policy="Depthwise")
    cb_case("cb_first_trees", "MultiClass", y=classes, options=dict(iterations=7), kind="Probability")
    cb_case("cb_best", "RMSE", valid=True, use_best_model=True, n_trees=60, learning_rate=0.9)
    cb_case("cb_many", "Logloss", y=binary, n_trees=203, kind="Probability")

    def categorical(size):
        def save(path):
            frame, y = frame_data(rng_of("frame"))
            frame = frame.assign(colour=frame.colour.astype(object).fillna("?").astype(str), year=frame.year.astype(str))
            model = cb.CatBoost(dict(iterations=3, thread_count=1, verbose=0, allow_writing_files=False, one_hot_max_size=size))
            model.fit(frame, y, cat_features=["colour", "year"])
            model.save_model(str(path / "model.json"), format="json", pool=cb.Pool(frame, y, cat_features=["colour", "year"]))
            return "model.json"
        return save

    refuse("cb_refused_onehot", "CatBoost", "one-hot split on categorical feature `", categorical(10))
    refuse("cb_refused_ctr", "CatBoost", "(CTR) of categorical feature `colour` or `year`", categorical(2))


# Drawn models --------------------------------------------------------------------------------------------------------


def drawn_cases():
    """Models whose settings are drawn: what nobody thought of setting together."""
    for index in range(26):
        rng = rng_of(f"drawn lightgbm {index}")
        more = dict(
            objective=rng.choice(["regression", "regression_l1", "huber", "binary"]), num_leaves=int(rng.integers(2, 90)),
            min_data_in_leaf=int(rng.integers(1, 30)), max_bin=int(rng.choice([7, 63, 255, 1023])), learning_rate=float(rng.uniform(0.01, 1)),
            feature_fraction=float(rng.uniform(0.4, 1)), lambda_l2=float(rng.choice([0, 0.5, 20])), max_depth=int(rng.choice([-1, 3, 6])),
            zero_as_missing=bool(rng.random() < 0.2), extra_trees=bool(rng.random() < 0.2), seed=int(rng.integers(1000)),
        )
        settings = dict(n_trees=int(rng.integers(1, 60)))
        if rng.random() < 0.4:
            x, y = cat_data(rng)
            settings |= dict(x=x, categorical=[0, 2], rows=cat_rows(rng, x))
            more |= dict(min_data_per_group=int(rng.integers(1, 20)), cat_smooth=float(rng.choice([0, 1, 10])), max_cat_to_onehot=int(rng.choice([1, 4, 64])))
        else:
            x, y = data(rng, f=int(rng.integers(2, 12)), nan=float(rng.choice([0, 0.1, 0.5])))
            settings |= dict(x=x)
        if more["objective"] == "binary":
            y = binary(y, rng)
        lgb_case(f"lgb_drawn_{index}", more, y=y, **settings)
    for index in range(22):
        rng = rng_of(f"drawn xgboost {index}")
        more = dict(
            objective=str(rng.choice(["reg:squarederror", "reg:pseudohubererror", "binary:logistic"])), max_depth=int(rng.integers(1, 9)),
            eta=float(rng.uniform(0.01, 1)), min_child_weight=float(rng.choice([0, 1, 8])), reg_lambda=float(rng.choice([0, 1, 9])),
            subsample=float(rng.uniform(0.5, 1)), colsample_bynode=float(rng.uniform(0.4, 1)), tree_method="hist",
            max_bin=int(rng.choice([8, 64, 256, 1024])), grow_policy=str(rng.choice(["depthwise", "lossguide"])), seed=int(rng.integers(1000)),
        )
        settings = dict(n_trees=int(rng.integers(1, 50)), files=("model.json", "model.ubj") if index % 4 == 0 else ("model.json",))
        if rng.random() < 0.4:
            x, y = cat_data(rng)
            settings |= dict(x=x, types=["c", "float", "c"], rows=cat_rows(rng, x, finite=True))
            more |= dict(max_cat_to_onehot=int(rng.choice([1, 5, 100])))
        else:
            x, y = data(rng, f=int(rng.integers(2, 12)), nan=float(rng.choice([0, 0.1, 0.5])))
            settings |= dict(x=x)
        if more["objective"] == "binary:logistic":
            y = binary(y, rng)
        xgb_case(f"xgb_drawn_{index}", more, y=y, **settings)
    for index in range(14):
        rng = rng_of(f"drawn catboost {index}")
        x, y = data(rng, f=int(rng.integers(2, 12)), nan=float(rng.choice([0, 0.1, 0.5])))
        more = dict(
            depth=int(rng.integers(1, 9)), l2_leaf_reg=float(rng.choice([1, 3, 30])), learning_rate=float(rng.uniform(0.01, 1)),
            border_count=int(rng.choice([4, 32, 254])), nan_mode=str(rng.choice(["Min", "Max"])), random_seed=int(rng.integers(1000)),
            grow_policy=str(rng.choice(["SymmetricTree", "Depthwise"])),
        )
        cb_case(f"cb_drawn_{index}", "RMSE", x=x, y=y, n_trees=int(rng.integers(1, 60)), **more)


def main():
    global OUT
    if len(sys.argv) != 2:
        sys.exit("usage: trees_cases.py OUT")
    OUT = Path(sys.argv[1])
    if OUT.exists():
        shutil.rmtree(OUT)
    OUT.mkdir(parents=True)
    lightgbm_cases()
    xgboost_cases()
    catboost_cases()
    drawn_cases()
    versions = dict(lightgbm=lgb.__version__, xgboost=xgb.__version__, catboost=cb.__version__)
    size = sum(file.stat().st_size for file in OUT.rglob("*") if file.is_file())
    print(f"{len(list(OUT.iterdir()))} cases, {size / 1e6:.1f} MB in {OUT}, {versions}")
    for note in NOTES:
        print("note:", note)


if __name__ == "__main__":
    main()
