#!/usr/bin/env bash
# wasm-toolchain.sh DIR: a compiler that can check crates for wasm32-unknown-unknown, for machines where rustup has no such target
# and cannot fetch it. It unpacks Debian's rustc-web and the sources of its standard library under DIR (nothing is installed), checks
# std for the target, and writes DIR/env. Afterwards: `. DIR/env; cargo check --target wasm32-unknown-unknown -p CRATE`.
# What is there is metadata only: enough for `cargo check`, not for linking a module.
set -euo pipefail

target=wasm32-unknown-unknown
dir=$(realpath -m "${1:?usage: wasm-toolchain.sh DIR}")
[ -e "$dir/env" ] && exit 0
command -v apt-get >/dev/null || {
  echo "wasm-toolchain.sh: neither rustup's $target nor apt-get is here: run 'rustup target add $target'" >&2
  exit 1
}
[ "$(dpkg --print-architecture)" = amd64 ] || {
  echo "wasm-toolchain.sh: written for amd64 Debian; elsewhere run 'rustup target add $target'" >&2
  exit 1
}

rm -rf "$dir"
mkdir -p "$dir/debs" "$dir/bin" "$dir/seed/src"
cd "$dir/debs"
apt-get update -qq 2>/dev/null || echo "wasm-toolchain.sh: apt-get update failed; going on with the lists that are here" >&2

# The package that holds the compiler's own libraries carries its version in its name, and so does LLVM's.
depends_on() { apt-cache show --no-all-versions "$1" | sed -n "s/^Depends:.*\b\($2[0-9.]*\).*/\1/p"; }
std=$(depends_on libstd-rust-web-dev libstd-rust-web-)
llvm=$(depends_on "$std" libllvm)
[ -n "$std" ] && [ -n "$llvm" ] || {
  echo "wasm-toolchain.sh: apt knows no rustc-web: this needs Debian 12 with its security archive, or 'rustup target add $target'" >&2
  exit 1
}
apt-get download -qq rustc-web rust-web-src libstd-rust-web-dev "$std" "$llvm"
for deb in *.deb; do dpkg -x "$deb" "$dir"; done

# Debian's compiler finds its libraries beside itself rather than in the system.
cat > "$dir/bin/web-rustc" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH=$dir/usr/lib/x86_64-linux-gnu exec $dir/usr/bin/rustc "\$@"
WRAPPER
chmod +x "$dir/bin/web-rustc"

# std itself is checked once, as a dependency of an empty crate, and its metadata put where the compiler looks for the target.
cd "$dir/seed"
printf '[package]\nname = "seed"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' > Cargo.toml
echo '#![no_std]' > src/lib.rs
RUSTC="$dir/bin/web-rustc" RUSTC_BOOTSTRAP=1 RUSTC_WRAPPER='' RUSTFLAGS='' CARGO_TARGET_DIR="$dir/seed/target" \
  cargo check -Z build-std=std,panic_abort --target "$target"
lib="$dir/usr/lib/rustlib/$target/lib"
mkdir -p "$lib"
cp target/"$target"/debug/deps/*.rmeta "$lib/"
rm -f "$lib"/libseed*
# Only the compiler, its libraries and the two targets' metadata stay.
rm -rf "$dir/seed" "$dir/debs" "$dir/usr/src" "$dir/usr/share"
echo "export RUSTC=$dir/bin/web-rustc" > "$dir/env"
