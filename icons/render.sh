#!/bin/sh
# Makes the PNG files of this folder from its SVG files. Needs rsvg-convert (Debian: librsvg2-bin).
set -eu
cd "$(dirname "$0")"
for size in 32 64 128 256 512; do
  rsvg-convert -w "$size" -h "$size" app.svg -o "app-$size.png"
done
for icon in tray-*.svg; do
  for size in 22 32 48; do
    rsvg-convert -w "$size" -h "$size" "$icon" -o "${icon%.svg}-$size.png"
  done
done
