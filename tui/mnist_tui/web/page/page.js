// textual.js opens a terminal in #terminal and connects it when the page has loaded.
const openTerminal = window.onload;

window.onload = async (event) => {
  const terminal = document.querySelector("#terminal");
  const socket = new URL("ws", document.baseURI);
  socket.protocol = socket.protocol === "https:" ? "wss:" : "ws:";
  terminal.dataset.sessionWebsocketUrl = socket.href;
  document.querySelector("#ended button").onclick = () => window.location.reload();

  // xterm.js measures a cell once, so the font has to be there before.
  const fonts = ["", "bold ", "italic "].map((kind) => `${kind}16px "Roboto Mono"`);
  await Promise.allSettled(fonts.map((font) => document.fonts.load(font)));
  openTerminal(event);

  // Keys go to the app without a click, once it is there to be told that it has the focus.
  new MutationObserver((_changes, observer) => {
    if (document.body.classList.contains("-first-byte")) {
      observer.disconnect();
      terminal.querySelector("textarea").focus();
    }
  }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
};
