"""Compare two folders of weight files: how far the time of each call moved, in percent of the committed one."""
import pathlib
import re
import sys

FUNCTION = re.compile(r"fn (\w+)\([^)]*\) -> Weight \{\s*(?://[^\n]*\s*)*Weight::from_parts\(([\d_]+)", re.S)


def base_times(path):
    """Picoseconds of each call at the smallest component, without database accesses."""
    return {name: int(time.replace("_", "")) for name, time in FUNCTION.findall(path.read_text())}


def main():
    committed, measured = map(pathlib.Path, sys.argv[1:])
    for path in sorted(measured.glob("pallet_*.rs")):
        before, now = base_times(committed / path.name), base_times(path)
        print(path.stem)
        for name, time in now.items():
            old = before.get(name)
            change = f"{100 * (time - old) / old:+7.1f} %" if old else "    new  "
            print(f"  {name:28} {time / 1e6:9.1f} us  {change}")
        for name in before.keys() - now.keys():
            print(f"  {name:28} has no benchmark any more")


if __name__ == "__main__":
    main()
