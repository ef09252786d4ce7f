"""Time llama.cpp on a GGUF: one JSON line with prefill and decode tokens/s."""
import argparse
import json
import time

import llama_cpp


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=256)
    parser.add_argument("--decode", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=1)
    args = parser.parse_args()
    model = llama_cpp.Llama(
        args.model,
        n_ctx=1024,
        n_threads=args.threads,
        n_threads_batch=args.threads,
        n_batch=512,
        verbose=False,
    )
    prompt = [1] + [300 + index for index in range(args.prompt - 1)]
    prefill = decode = 0.0
    for _ in range(args.repeat):
        model.reset()
        start = time.perf_counter()
        model.eval(prompt)
        prefill = max(prefill, args.prompt / (time.perf_counter() - start))
        start = time.perf_counter()
        for index in range(args.decode):
            model.eval([400 + index])
        decode = max(decode, args.decode / (time.perf_counter() - start))
    features = llama_cpp.llama_print_system_info().decode()
    print(json.dumps({
        "engine": "llama.cpp",
        "prefill": prefill,
        "decode": decode,
        "note": f"llama-cpp-python {llama_cpp.__version__}; {features}",
    }))


if __name__ == "__main__":
    main()
