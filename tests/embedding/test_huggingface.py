"""The ``huggingface`` provider on a tiny transformer with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from tokenizers import Tokenizer

from engram_store.errors import ConfigurationError
from io_connectors.pages import Vectors
from tests.embedding.bert import make_bert, set_prompts, write
from tests.embedding.contract import EmbedderContract
from tests.pipelines.command import verb
from transforms.embedding.huggingface.batches import batches_of
from transforms.embedding.huggingface.folder import ModelFolder
from transforms.embedding.provider import Embedder, EmbeddingSpec, create_embedder, embedder_of


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bert(tmp_path_factory.mktemp("models") / "bert")


def made(folder: Path, **more: str | bool) -> Embedder:
    return create_embedder(EmbeddingSpec("huggingface", str(folder), **more))  # type: ignore[arg-type]


class TestHuggingface(EmbedderContract):
    exact = False
    most_alike = 0.99

    @pytest.fixture
    def spec(self, bert: Path) -> EmbeddingSpec:
        return EmbeddingSpec("huggingface", str(bert))


def _alone(folder: Path, text: str, pooling: str) -> Vectors:
    """The text's vector, made by hand: one text, no padding."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
    session = onnxruntime.InferenceSession(str(folder / "onnx" / "model.onnx"))
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    hidden = session.run(None, feed)[0][0]
    pooled = {
        "mean": hidden.mean(axis=0),
        "cls": hidden[0],
        "max": hidden.max(axis=0),
        "lasttoken": hidden[-1],
    }[pooling]
    unit: Vectors = pooled / np.linalg.norm(pooled)
    return unit


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken"])
def test_vectors_are_pooled_as_the_model_says(tmp_path: Path, pooling: str) -> None:
    folder = make_bert(tmp_path / "bert", pooling=pooling)
    texts = ["a short one", "a text that is longer than the others, by far", "three"]
    for text, vector in zip(texts, made(folder).embed(texts), strict=True):
        np.testing.assert_allclose(vector[:48], _alone(folder, text, pooling), atol=5e-4)
        assert not vector[48:].any()


def test_long_texts_are_read_as_far_as_the_model_reads(bert: Path) -> None:
    embedder = made(bert)
    same, longer = embedder.embed(["x" * 128, "x" * 128 + "yz"])
    np.testing.assert_allclose(same, longer, atol=1e-3)


def test_long_vectors_are_cut_only_when_asked(tmp_path: Path) -> None:
    folder = make_bert(tmp_path / "bert", width=800)
    with pytest.raises(ConfigurationError, match="800 floats"):
        made(folder).embed(["one"])
    np.testing.assert_allclose(np.linalg.norm(made(folder, truncate=True).embed(["one"])), 1, atol=1e-6)


def test_the_models_own_prompts_are_used(tmp_path: Path) -> None:
    folder = make_bert(tmp_path / "bert")
    plain = made(folder).embed(["query: one", "passage: one", "q: one"])
    set_prompts(folder, query="query: ", passage="passage: ")
    embedder = made(folder)
    np.testing.assert_allclose(embedder.embed_query("one"), plain[0], atol=1e-3)
    np.testing.assert_allclose(embedder.embed(["one"])[0], plain[1], atol=1e-3)
    np.testing.assert_allclose(made(folder, query_prefix="q: ").embed_query("one"), plain[2], atol=1e-3)


def test_another_revision_has_another_identity(tmp_path: Path) -> None:
    folder = make_bert(tmp_path / "bert")
    before = made(folder).identity
    set_prompts(folder, query="query: ")
    after = made(folder).identity
    assert before != after
    with pytest.raises(ConfigurationError, match="not the one that made the vectors"):
        embedder_of(before)


def test_one_of_several_files_is_named(tmp_path: Path) -> None:
    folder = make_bert(tmp_path / "bert", name="onnx/int8.onnx")
    assert ModelFolder.open(str(folder)).weights == folder / "onnx" / "int8.onnx"
    (folder / "onnx" / "int4.onnx").write_bytes((folder / "onnx" / "int8.onnx").read_bytes())
    with pytest.raises(ConfigurationError, match="several ONNX models"):
        ModelFolder.open(str(folder))
    assert made(folder / "onnx" / "int8.onnx").embed(["one"]).any()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("modules.json", [{"type": "sentence_transformers.models.Dense"}], "a part `Dense`"),
        ("1_Pooling/config.json", {"pooling_mode_weightedmean_tokens": True}, "weightedmean_tokens"),
        ("1_Pooling/config.json", {"pooling_mode": "weightedmean"}, "`weightedmean`"),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": 1, "pooling_mode_max_tokens": 1}, "`cls"),
    ],
)
def test_unknown_ways_are_refused(tmp_path: Path, file: str, content: object, said: str) -> None:
    folder = make_bert(tmp_path / "bert")
    (folder / file).write_text(json.dumps(content))
    with pytest.raises(ConfigurationError, match=said):
        ModelFolder.open(str(folder))


def test_a_pooling_that_leaves_out_the_prompt_is_refused(tmp_path: Path) -> None:
    folder = make_bert(tmp_path / "bert")
    write(folder / "1_Pooling" / "config.json", {"pooling_mode": "mean", "include_prompt": False})
    assert ModelFolder.open(str(folder)).pooling == "mean"
    set_prompts(folder, query="query: ")
    with pytest.raises(ConfigurationError, match="leaving out the prompt"):
        ModelFolder.open(str(folder))


def test_small_letters_where_the_model_wants_them(tmp_path: Path) -> None:
    folder = make_bert(tmp_path / "bert")
    large, small = made(folder).embed(["ÅNGSTRÖM", "ångström"])
    assert np.abs(large - small).max() > 1e-2
    write(folder / "sentence_bert_config.json", {"do_lower_case": True})
    large, same = made(folder).embed(["ÅNGSTRÖM", "ångström"])
    np.testing.assert_array_equal(large, same)
    np.testing.assert_allclose(same, small, atol=1e-3)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("onnx/model.onnx", "{}", "cannot be loaded"),
        ("tokenizer.json", "{}", "cannot be read"),
        ("modules.json", "{}", r"modules\.json` cannot be read"),
        ("modules.json", '["Dense"]', r"modules\.json` cannot be read"),
        ("1_Pooling/config.json", "{", r"config\.json` cannot be read"),
        ("sentence_bert_config.json", '{"max_seq_length": "many"}', "`max_seq_length` is 'many'"),
        ("sentence_bert_config.json", '{"max_seq_length": -1}', "`max_seq_length` is -1"),
        ("sentence_bert_config.json", '{"max_seq_length": NaN}', "`max_seq_length` is nan"),
        ("config_sentence_transformers.json", '{"prompts": ["query: "]}', "`prompts` does not hold texts"),
        ("config_sentence_transformers.json", '{"prompts": {"query": 1}}', "`prompts` does not hold texts"),
    ],
)
def test_damaged_files_are_said(tmp_path: Path, file: str, content: str, said: str) -> None:
    folder = make_bert(tmp_path / "bert")
    (folder / file).write_text(content)
    with pytest.raises(ConfigurationError, match=said):
        made(folder).embed(["one"])


def test_weights_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    folder = make_bert(tmp_path / "bert")
    (folder / "onnx" / "model.onnx_data").mkdir()
    with pytest.raises(ConfigurationError, match=r"model\.onnx_data` cannot be read"):
        made(folder)


def _wants_more(graph: onnx.GraphProto) -> None:
    graph.input.append(
        onnx.helper.make_tensor_value_info("position_ids", onnx.TensorProto.INT64, [None, None])
    )


def _gives_a_vector_a_text(graph: onnx.GraphProto) -> None:
    (hidden,) = graph.output
    graph.node.append(onnx.helper.make_node("ReduceMax", [hidden.name], ["pooled"], keepdims=0))
    graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("pooled", onnx.TensorProto.FLOAT, []))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_wants_more, "wants `position_ids`"),
        (_gives_a_vector_a_text, "does not give a vector for each token"),
    ],
)
def test_an_onnx_file_of_another_form_is_refused(
    tmp_path: Path, change: Callable[[onnx.GraphProto], None], said: str
) -> None:
    folder = make_bert(tmp_path / "bert")
    model = onnx.load(str(folder / "onnx" / "model.onnx"))
    change(model.graph)
    onnx.save(model, str(folder / "onnx" / "model.onnx"))
    with pytest.raises(ConfigurationError, match=said) as caught:
        made(folder).embed(["one"])
    assert str(caught.value).startswith("the model `bert` cannot be loaded")


def test_a_model_that_takes_no_mask_is_run(tmp_path: Path) -> None:
    folder = make_bert(tmp_path / "bert")
    expected = made(folder).embed(["one"])
    model = onnx.load(str(folder / "onnx" / "model.onnx"))
    (mask,) = (given for given in model.graph.input if given.name == "attention_mask")
    model.graph.input.remove(mask)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((1, 5), np.int64), mask.name))
    onnx.save(model, str(folder / "onnx" / "model.onnx"))
    np.testing.assert_allclose(made(folder).embed(["one"]), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("weights", "missing", "extra"),
    [(False, "sentence_transformers", "st"), (True, "onnxruntime", "onnx"), (True, "tokenizers", "onnx")],
)
def test_it_says_what_to_install_and_never_runs_other_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: bool, missing: str, extra: str
) -> None:
    folder = make_bert(tmp_path / "bert")
    if not weights:
        (folder / "onnx" / "model.onnx").unlink()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else object())
    with pytest.raises(ConfigurationError, match="nothing here can run") as caught:
        made(folder).embed(["one"])
    assert f"engram-migrate[{extra}]" in str(caught.value)


def test_without_a_network_a_name_of_the_hub_is_refused(tmp_path: Path) -> None:
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hub")}
    ended = verb("distil", "no-such-owner/no-such-model", str(tmp_path / "table"), environment=nowhere)
    ended.failed(2, "there is no model `no-such-owner/no-such-model`", "Connection refused")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"tokenizer\.json"):
        made(tmp_path)


def test_like_lengths_run_together() -> None:
    lengths = [5, 2000, 7, 3000, 6]
    batches = list(batches_of(lengths))
    assert batches[0] == [3]
    assert sorted(row for rows in batches for row in rows) == list(range(5))
    assert [len(rows) for rows in batches_of([100] * 100)] == [40, 40, 20]
