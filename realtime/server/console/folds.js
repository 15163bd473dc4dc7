// Cards that a phone folds away, and menus that close when one looks elsewhere.

const narrow = matchMedia("(max-width: 40rem)");

export function folds(cards) {
  const settle = () => cards.forEach((card) => (card.open = !narrow.matches));
  settle();
  narrow.onchange = settle;
}

export function menus(all) {
  addEventListener("click", ({ target }) => all.forEach((menu) => menu.open && !menu.contains(target) && !target.closest("dialog") && (menu.open = false)));
  for (const menu of all)
    menu.onkeydown = (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      event.stopPropagation(); // it stops no answer
      menu.open = false;
      menu.querySelector("summary").focus();
    };
}
