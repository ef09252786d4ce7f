"""Write a Llama of TinyLlama-1.1B's shape with random Q8_0 weights as GGUF: the file that peers are timed on.

The values do not matter for speed, the shape does. 1.2 GB.
"""
import argparse
import sys

import gguf
import numpy as np

BLOCK = 32
SHAPE = {"width": 2048, "ff": 5632, "layers": 22, "heads": 32, "kv_heads": 4, "vocab": 32000}


def q8_0(rng, rows, cols):
    """Random Q8_0 rows: per 32 values an f16 scale and 32 signed bytes. Outputs keep the size of inputs."""
    scale = np.float16(1.7 / (127 * np.sqrt(cols)))
    blocks = rng.integers(0, 256, (rows * cols // BLOCK, 2 + BLOCK), dtype=np.uint8)
    blocks[:, :2] = np.frombuffer(scale.tobytes(), np.uint8)
    return blocks.reshape(rows, cols // BLOCK * (2 + BLOCK))


def tensors(shape):
    """Name and dimensions of every tensor; one dimension means a norm's gain."""
    width, ff = shape["width"], shape["ff"]
    kv = width * shape["kv_heads"] // shape["heads"]
    yield "token_embd.weight", (shape["vocab"], width)
    for layer in range(shape["layers"]):
        prefix = f"blk.{layer}."
        yield prefix + "attn_norm.weight", (width,)
        for name, dims in [
            ("attn_q", (width, width)),
            ("attn_k", (kv, width)),
            ("attn_v", (kv, width)),
            ("attn_output", (width, width)),
        ]:
            yield f"{prefix}{name}.weight", dims
        yield prefix + "ffn_norm.weight", (width,)
        for name, dims in [("ffn_gate", (ff, width)), ("ffn_up", (ff, width)), ("ffn_down", (width, ff))]:
            yield f"{prefix}{name}.weight", dims
    yield "output_norm.weight", (width,)
    yield "output.weight", (shape["vocab"], width)


def describe(writer, shape):
    """The header that loaders ask for, with a placeholder tokenizer."""
    writer.add_context_length(2048)
    writer.add_embedding_length(shape["width"])
    writer.add_block_count(shape["layers"])
    writer.add_feed_forward_length(shape["ff"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["kv_heads"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape["width"] // shape["heads"])
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(shape["vocab"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    control = [b"<unk>", b"<s>", b"</s>"]
    words = [b"w%d" % index for index in range(shape["vocab"] - len(control) - 256)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(control + [b"<0x%02X>" % byte for byte in range(256)] + words)
    writer.add_token_scores([0.0] * shape["vocab"])
    writer.add_token_types([2, 3, 3] + [6] * 256 + [1] * len(words))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", help="file to write")
    parser.add_argument("--small", action="store_true", help="a 30 MB model, to try the scripts")
    args = parser.parse_args()
    shape = dict(SHAPE)
    if args.small:
        shape.update(width=512, ff=1536, layers=6, heads=8, kv_heads=2, vocab=8000)
    rng = np.random.default_rng(1)
    writer = gguf.GGUFWriter(args.out, "llama")
    describe(writer, shape)
    for name, dims in tensors(shape):
        if len(dims) == 1:
            writer.add_tensor(name, np.ones(dims, np.float32))
        else:
            writer.add_tensor(name, q8_0(rng, *dims), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    sys.exit(main())
