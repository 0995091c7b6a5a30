// What holds the sections of a page together: drawing them, and marking where the reader is.

// A section that fails says so and leaves the others alone.
function show([section, draw]) {
  try {
    draw();
  } catch (error) {
    console.error(error);
    body(section).append(note(`This part could not be drawn: ${error.message}`));
  }
}

// Marks the section that is being read in the navigation.
function followReading(sections) {
  const links = new Map([...document.querySelectorAll('nav a')]
    .map((link) => [link.hash.slice(1), link]));
  const nav = document.querySelector('nav');
  const visible = new Set();
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) visible.add(target.id); else visible.delete(target.id);
    }
    const current = sections.find((section) => visible.has(section));
    for (const [section, link] of links) {
      if (section === current) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
    // On narrow screens the navigation is a strip that scrolls sideways.
    if (current) nav.scrollTo({ left: links.get(current).offsetLeft - 40 });
  }, { rootMargin: '-10% 0px -70% 0px' });
  for (const section of sections) observer.observe(document.getElementById(section));
}

// `sections`: [id, draw] in the order of the page.
function present(sections) {
  sections.forEach(show);
  followTheme();
  followReading(sections.map(([section]) => section));
}
