"""What makes a page hard to read, read from the page itself: for every window and language."""

from typing import Final

#: Words that a narrow box breaks, what a box cuts off, controls without a gap between them, and
#: French without its no-break spaces. What people or programs wrote is left out.
ILLEGIBLE: Final = r"""() => {
  const faults = [];
  const visible = (one) => one.checkVisibility()
    && !one.closest('.hidden, .skip, .rows thead, [popover]');
  const place = (one) => `${one.tagName.toLowerCase()}.${one.className}`;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const [node, parent] = [texts.currentNode, texts.currentNode.parentElement];
    if (!node.data.trim() || !visible(parent)) continue;
    if (parent.closest('code, pre, option, blockquote')) continue;
    const range = document.createRange();
    for (const word of node.data.matchAll(/[\p{L}\p{N}\u2019]{2,24}/gu)) {
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1)
        faults.push(`broken word: ${word[0]} in ${place(parent)}`);
    }
    if (!parent.closest('[lang]').lang.startsWith('fr')) continue;
    if (/[^\s\u00a0]:(\s|$)|«(?!\u00a0)|(?<!\u00a0)»/.test(node.data))
      faults.push(`French spaces: ${node.data.trim()}`);
  }
  for (const box of document.querySelectorAll('main input:not([type=file])'))
    if (visible(box) && box.scrollWidth > box.clientWidth)
      faults.push(`cut off: ${box.name} ${box.value}`);
  const firm = [...document.querySelectorAll('main :is(.button, .panel, .notice, .rows, details,'
    + ' select, textarea, input:not([type=checkbox], [type=radio], [type=hidden]))')]
    .filter(visible).map((one) => [one, one.getBoundingClientRect()]);
  firm.forEach(([one, box], at) => firm.slice(at + 1).forEach(([other, near]) => {
    if (one.contains(other)) return;
    const across = Math.max(box.left, near.left) - Math.min(box.right, near.right);
    const down = Math.max(box.top, near.top) - Math.min(box.bottom, near.bottom);
    if (Math.max(across, down) < 4) faults.push(`no gap: ${place(one)}, ${place(other)}`);
  }));
  return faults;
}"""
