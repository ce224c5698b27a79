// Light or dark: as the system says, until somebody chooses.

const KEPT = 'understudy-theme';
const root = document.documentElement;

export function isDark() {
  return root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

export function setUpTheme(button) {
  const kept = localStorage.getItem(KEPT);
  if (kept) {
    root.dataset.theme = kept;
  }
  const show = () => button.setAttribute('aria-pressed', isDark());
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    localStorage.setItem(KEPT, root.dataset.theme);
    show();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
  show();
}
