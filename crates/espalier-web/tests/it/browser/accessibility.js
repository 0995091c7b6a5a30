() => {
  // Rules of WCAG 2.2 that can be told from a page: names (4.1.2, 1.1.1), references (1.3.1),
  // identifiers, order of focus (2.4.3), headers of tables (1.3.1), headings, language, title,
  // contrast of text (1.4.3).
  const found = [];
  const tell = (node, text) => {
    const mark = (each) => each.outerHTML.slice(0, 120).replace(/\s+/g, ' ');
    found.push(`${text}: ${mark(node)} in ${mark(node.parentElement)}`);
  };
  const visible = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && node.getClientRects().length > 0 && !node.closest('[aria-hidden=true]');
  const byId = (ids) => (ids ?? '').split(/\s+/).filter(Boolean)
    .map((id) => document.getElementById(id));
  const nameOf = (node) => {
    const parts = [node.getAttribute('aria-label'), node.getAttribute('title'),
      node.getAttribute('alt'), ...byId(node.getAttribute('aria-labelledby'))
        .map((other) => other?.textContent),
      ...[...(node.labels ?? [])].map((label) => label.textContent)];
    if (node.matches('button, a, summary, [role=button], [role=tab], th, legend')) {
      parts.push(node.textContent);
    }
    if (node.localName === 'svg' || node.closest('svg')) {
      parts.push(node.querySelector(':scope > title')?.textContent);
    }
    return parts.filter(Boolean).join('').trim();
  };

  const named = 'input:not([type=hidden]), select, textarea, button, a[href], summary, img, progress, '
    + '[role=img], [role=button], [role=tab], [role=group], [role=region], dialog';
  for (const node of document.querySelectorAll(named)) {
    if (visible(node) && nameOf(node) === '') tell(node, 'no name');
  }
  const ids = new Set();
  for (const node of document.querySelectorAll('[id]')) {
    // What plotly makes for itself inside a picture is not reached by anything else.
    if (node.closest('.plot')) continue;
    if (ids.has(node.id)) tell(node, `the id ${node.id} stands there twice`);
    ids.add(node.id);
  }
  for (const node of document.querySelectorAll('label[for]')) {
    if (!document.getElementById(node.htmlFor)) tell(node, 'a label of nothing');
  }
  for (const name of ['aria-labelledby', 'aria-describedby', 'aria-controls']) {
    for (const node of document.querySelectorAll(`[${name}]`)) {
      if (byId(node.getAttribute(name)).includes(null)) tell(node, `${name} refers to nothing`);
    }
  }
  for (const node of document.querySelectorAll('[tabindex]')) {
    if (node.tabIndex > 0) tell(node, 'a tabindex above 0');
  }
  for (const node of document.querySelectorAll('table')) {
    if (visible(node) && !node.querySelector('th')) tell(node, 'a table without a header');
  }
  const levels = [...document.querySelectorAll('h1, h2, h3, h4')].filter(visible)
    .map((node) => [node, Number(node.localName[1])]);
  levels.forEach(([node, level], at) => {
    if (at > 0 && level > levels[at - 1][1] + 1) tell(node, 'a heading level is skipped');
  });
  if (!document.documentElement.lang) found.push('the page has no language');
  if (!document.title) found.push('the page has no title');

  // Contrast
  const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const parse = (text) => {
    const numbers = (text.match(/[\d.]+/g) ?? []).map(Number);
    const scale = text.startsWith('color(') ? 1 : 255;
    return { rgb: numbers.slice(0, 3).map((n) => n / scale), alpha: numbers[3] ?? 1 };
  };
  const over = (top, below) => top.rgb.map((c, at) => c * top.alpha + below[at] * (1 - top.alpha));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map(channel);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) layers.push(getComputedStyle(at));
    if (layers.some((style) => style.backgroundImage !== 'none')) return null;
    const dark = matchMedia('(prefers-color-scheme: dark)').matches;
    let rgb = dark ? [0.07, 0.07, 0.07] : [1, 1, 1];
    for (const style of layers.reverse()) rgb = over(parse(style.backgroundColor), rgb);
    return rgb;
  };
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim() !== '');
    if (!own || node.closest('svg, template, noscript, option') || !visible(node)) continue;
    if (node.matches(':disabled, [aria-disabled=true]') || node.closest(':disabled')) continue;
    const ground = groundOf(node);
    if (!ground) continue;
    const style = getComputedStyle(node);
    const ink = over(parse(style.color), ground);
    const [light, dim] = [luminance(ink), luminance(ground)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dim + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5) - 0.01) tell(node, `contrast ${ratio.toFixed(2)}`);
  }
  return found;
}
