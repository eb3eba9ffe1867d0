"""What a model's folder says about how its vectors are made, in the form of sentence-transformers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from engram_store.errors import ConfigurationError

#: Folders of the hub that hold the same model in forms that are not used here.
_NOT_NEEDED = ["*.h5", "*.ot", "*.msgpack", "openvino/*", "*.tflite", "pytorch_model*.bin"]
_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
}
_KNOWN_PARTS = {"Transformer", "Pooling", "Normalize"}
_LONGEST = 8192
_READING = "sentence_bert_config.json"
#: Where it is said how many tokens of a text are read; the least counts.
_LENGTHS = (
    (_READING, "max_seq_length"),
    ("tokenizer_config.json", "model_max_length"),
    ("config.json", "max_position_embeddings"),
)
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model's files.

    Attributes:
        path: The folder.
        weights: The ONNX file; None if there is none.
        pooling: How the tokens' vectors become one: ``cls``, ``mean``, ``max`` or ``lasttoken``.
        longest: Tokens of a text that are read.
        query_prompt: What the model wants before a question.
        document_prompt: What the model wants before a text.
        lowered: Whether it wants small letters only.
    """

    path: Path
    weights: Path | None
    pooling: str
    longest: int
    query_prompt: str
    document_prompt: str
    lowered: bool

    @classmethod
    def open(cls, name: str) -> ModelFolder:
        """Finds a model.

        Args:
            name: A folder, one of its ONNX files, or a name on the model hub.

        Raises:
            ConfigurationError: There is no such model, or it makes vectors in an unknown way.
        """
        given = _found(name)
        path = _root(given)
        prompts = _prompts(path / "config_sentence_transformers.json")
        documents = (prompts[name] for name in ("document", "passage", "corpus") if name in prompts)
        return cls(
            path=path,
            weights=given if given.is_file() else _weights(path),
            pooling=_pooling(path, prompted=any(prompts.values())),
            longest=_longest(path),
            query_prompt=prompts.get("query", ""),
            document_prompt=next(documents, ""),
            lowered=bool(_read(path / _READING).get("do_lower_case")),
        )

    def revision(self) -> str:
        """A digest of the weights and of all that says how they are used.

        Raises:
            ConfigurationError: One of the files cannot be read.
        """
        files = [self.weights] if self.weights else sorted(self.path.glob("*.safetensors"))
        beside = [Path(f"{file}_data") for file in files]
        settings = [*self.path.glob("*.json"), *self.path.glob("*/config.json")]
        seen = [file for file in (*files, *beside, *sorted(settings)) if file.exists()]
        return _digest(tuple((file, file.stat().st_mtime_ns) for file in seen))


def _found(name: str) -> Path:
    if (path := Path(name).expanduser()).exists():
        return path
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise _no_model(name, "it is no folder, and huggingface_hub, which fetches, is missing") from error
    try:
        return Path(snapshot_download(name, ignore_patterns=_NOT_NEEDED))
    except (OSError, ValueError, RuntimeError) as error:
        raise _no_model(name, str(error).splitlines()[0]) from error


def _no_model(name: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"there is no model `{name}`",
        why=why,
        suggestion="name a folder with the model's files, or one that the hub has",
        example="--embedding-model sentence-transformers/all-MiniLM-L6-v2",
    )


def _root(given: Path) -> Path:
    """The model's folder: the nearest one that says how texts become tokens."""
    for folder in (given, *given.parents[:2]):
        if (folder / "tokenizer.json").is_file():
            return folder
    raise _no_model(str(given), "the file `tokenizer.json` is missing")


def _weights(path: Path) -> Path | None:
    usual = [path / "onnx" / "model.onnx", path / "model.onnx"]
    if found := [file for file in usual if file.exists()]:
        return found[0]
    others = sorted(path.glob("**/*.onnx"))
    if len(others) > 1:
        raise ConfigurationError(
            f"`{path}` has several ONNX models, and none is called `model.onnx`",
            why=", ".join(f"`{file.relative_to(path)}`" for file in others[:5]),
            suggestion="name one of the files; each makes vectors of its own",
            example=f"--embedding-model {others[0]}",
        )
    return others[0] if others else None


def _pooling(path: Path, *, prompted: bool) -> str:
    modules = _json(path / "modules.json", [])
    if not all(isinstance(module, dict) for module in modules):
        raise _unreadable(path / "modules.json", "a part of the model is no object")
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    if unknown := [kind for kind in kinds if kind not in _KNOWN_PARTS]:
        raise ConfigurationError(
            f"the model `{path.name}` has a part `{unknown[0]}`, which is not known here",
            why=f"known are {', '.join(sorted(_KNOWN_PARTS))}",
            suggestion="choose another model, or run it behind a server (--embedding-provider openai)",
        )
    config = _read(path / "1_Pooling" / "config.json")
    flags = [flag for flag, on in config.items() if flag.startswith("pooling_mode_") and on]
    chosen = [_POOLINGS.get(flag, flag) for flag in flags] or [str(config.get("pooling_mode", "mean"))]
    if prompted and config.get("include_prompt") is False:
        chosen.append("leaving out the prompt")
    if len(chosen) != 1 or chosen[0] not in _POOLINGS.values():
        raise ConfigurationError(
            f"the model `{path.name}` makes its vectors by `{'+'.join(chosen)}`, which is not known here",
            why=f"known are {', '.join(_POOLINGS.values())}",
            suggestion="choose another model",
        )
    return chosen[0]


def _longest(path: Path) -> int:
    longest = _LONGEST
    for name, setting in _LENGTHS:
        told = _read(path / name).get(setting) or _LONGEST
        # NaN, which Python takes for JSON, is neither less nor more than 1.
        if not (isinstance(told, int | float) and told >= 1):
            raise _unreadable(path / name, f"`{setting}` is {told!r}, which is no number of tokens")
        longest = int(min(longest, told))
    return longest


def _prompts(file: Path) -> dict[str, str]:
    prompts = _read(file).get("prompts") or {}
    if not (isinstance(prompts, dict) and all(isinstance(prompt, str) for prompt in prompts.values())):
        raise _unreadable(file, "`prompts` does not hold texts by name")
    return prompts


def _read(file: Path) -> dict[str, Any]:
    return dict(_json(file, {}))


def _json(file: Path, otherwise: Any) -> Any:
    """What a JSON file holds, which must be of the kind that stands for none."""
    if not file.is_file():
        return otherwise
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(document, type(otherwise)):
            raise ValueError(f"it holds a {type(document).__name__}")
        return document
    except (OSError, ValueError) as error:
        raise _unreadable(file, str(error)) from error


def _unreadable(file: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the model's file `{file}` cannot be read",
        why=why,
        suggestion="see that the model's files are whole",
    )


@lru_cache(maxsize=16)
def _digest(files: tuple[tuple[Path, int], ...]) -> str:
    digest = blake2b(digest_size=8)
    for path, _ in files:
        digest.update(path.name.encode() + b"\0")
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        except OSError as error:
            raise _unreadable(path, str(error)) from error
    return digest.hexdigest()
