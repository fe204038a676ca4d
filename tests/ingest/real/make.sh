#!/usr/bin/env bash
# Makes the files beside it from book.md, with the tools that people have. They are committed: the
# tests need no tool. Made with pandoc 2.17, LibreOffice 7.4, Chromium 156, calibre 6.13, Info-ZIP 3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
export HOME=$work

office() { soffice --headless --convert-to "$2" --outdir "$work/office" "$1" >/dev/null; }

for kind in docx odt rtf html; do pandoc --standalone book.md -o "pandoc.$kind"; done
pandoc --standalone -t plain book.md -o pandoc.txt
pandoc --toc book.md -o pandoc.epub
pandoc --toc -t epub2 book.md -o pandoc-2.epub

for kind in odt docx rtf pdf epub txt html doc; do
    office pandoc.docx "$kind"
    cp "$work/office/pandoc.$kind" "libreoffice.$kind"
done
office pandoc.odt docx
cp "$work/office/pandoc.docx" libreoffice-from-odt.docx

chromium --headless --no-sandbox --no-pdf-header-footer --generate-pdf-document-outline \
    --print-to-pdf=chromium.pdf pandoc.html

ebook-convert pandoc.html calibre.epub --no-default-epub-cover
ebook-convert pandoc.docx calibre-from-docx.epub --no-default-epub-cover
for kind in docx rtf; do ebook-convert pandoc.epub "calibre.$kind"; done
ebook-convert pandoc.epub "$work/calibre.htmlz"
cp "$work/calibre.htmlz" calibre-html.zip

zip -q -X infozip.zip pandoc.txt pandoc.docx libreoffice.odt
rm -rf "$work"
