// Engine dashboard behaviour. Every page reads and submits without this file.
(() => {
  const root = document.documentElement;
  const $ = (s, e = document) => e.querySelector(s);
  const $$ = (s, e = document) => [...e.querySelectorAll(s)];
  const on = (type, call, options) => document.addEventListener(type, call, options);
  const say = text => { const el = $('#say'); if (el) el.textContent = text; };
  root.classList.add('has-js');

  // --- Theme: a cookie that the server reads, so the first paint is right -------------------------------------------
  const theme = choice => {
    document.cookie = `theme=${choice};path=/;max-age=${choice ? 31536000 : 0};samesite=lax`;
    if (choice) root.dataset.theme = choice; else delete root.dataset.theme;
    $$('[data-theme-set]').forEach(b => b.setAttribute('aria-pressed', b.dataset.themeSet === choice));
  };

  // --- Clocks: the server sends a moment, the browser counts ----------------------------------------------------------
  const two = n => String(n).padStart(2, '0');
  const duration = s => {
    s = Math.max(0, Math.floor(s));
    if (s < 60) return s + 's';
    if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
    if (s < 86400) return `${Math.floor(s / 3600)}h ${two(Math.floor(s % 3600 / 60))}m`;
    return `${Math.floor(s / 86400)}d ${Math.floor(s % 86400 / 3600)}h`;
  };
  const passed = stamp => (Date.now() - Date.parse(stamp)) / 1000;
  const write = (el, text) => { if (el.textContent !== text) el.textContent = text; };
  const tick = () => {
    if (document.hidden) return;
    $$('time[data-since]').forEach(t => write(t, duration(passed(t.dataset.since))));
    $$('time[data-until]').forEach(t => write(t, 'in ' + duration(-passed(t.dataset.until))));
    $$('time[data-ago]').forEach(t => write(t, duration(passed(t.dateTime)).split(' ')[0]));
    liveness();
  };

  // --- Live updates: polls are quiet in hidden tabs, wait longer after failures, and never destroy the page ---------
  let lastGood = Date.now(), failing = false, paused = false;
  const polls = () => $$('[hx-trigger^="every"]');
  const isPoll = e => e.detail?.ctx?.sourceEvent?.type === 'every';
  const liveness = () => {
    const stale = failing && Date.now() - lastGood > 30000;
    const bar = $('#stale');
    if (bar) { bar.hidden = !stale; write($('[data-stale]', bar), duration((Date.now() - lastGood) / 1000)); }
    const [tone, word] = paused ? ['idle', 'Paused'] : failing ? ['fix', 'Reconnecting'] : ['ok', 'Live'];
    $$('.live').forEach(l => { if (l.textContent !== word) { l.textContent = word; l.dataset.tone = tone; } });
  };
  const good = el => { lastGood = Date.now(); failing = false; if (el) el._fails = 0; liveness(); };
  const bad = el => {
    failing = true; el._fails = (el._fails || 0) + 1;
    const every = parseFloat((el.getAttribute('hx-trigger') || '').replace('every', '')) || 3;
    el._quietUntil = Date.now() + Math.min(60, every * 2 ** el._fails) * 1000;
    liveness();
  };
  const refresh = () => polls().forEach(el => htmx.trigger(el, 'every', {}, false));
  on('htmx:before:request', e => {
    if (isPoll(e) && (paused || document.hidden || Date.now() < (e.target._quietUntil || 0))) e.preventDefault();
  });
  on('htmx:after:request', e => { if (isPoll(e)) e.detail.ctx.response.status < 500 ? good(e.target) : bad(e.target); });
  on('htmx:error', e => { if (isPoll(e)) bad(e.target); else say('That did not reach the engine. Try again.'); });
  on('htmx:after:sse:connection', () => good());
  on('htmx:sse:error', () => { failing = true; liveness(); });
  on('visibilitychange', () => { if (!document.hidden) refresh(); });
  const pause = () => { paused = !paused; say(paused ? 'Live updates paused' : 'Live updates on'); liveness(); if (!paused) refresh(); };

  // --- Dialogs: a link to a confirm page opens as a dialog here -------------------------------------------------------
  let opener;
  on('htmx:after:swap', e => {
    const target = e.detail.ctx.target;
    if (target?.id === 'dialog' && target.childElementCount && !target.open) { opener = document.activeElement; target.showModal(); }
  });
  on('htmx:after:request', e => {
    const dialog = $('#dialog');
    if (dialog.open && dialog.contains(e.target) && e.detail.ctx.response.status < 500 && e.detail.ctx.response.status !== 422) {
      dialog.close(); dialog.replaceChildren(); (opener?.isConnected ? opener : $('#main')).focus?.();
    }
  });

  // --- Command palette: a dialog over the plain /search page ----------------------------------------------------------
  const hits = () => $$('#pal-list a');
  const mark = n => { const h = hits(); h.forEach((a, k) => a.classList.toggle('active', k === n)); h[n]?.scrollIntoView({ block: 'nearest' }); };
  const openPalette = () => {
    const d = $('#palette'); if (!d || d.open) return;
    const i = $('input', d); d.showModal(); i.select();
    htmx.ajax('GET', `${i.getAttribute('hx-get')}?q=${encodeURIComponent(i.value)}`, { target: '#pal-list' });
  };
  on('htmx:after:swap', e => { if (e.detail.ctx.target?.id === 'pal-list') mark(0); });

  // --- Lists: j and k move, x selects, Shift-X selects up to here, Enter opens ----------------------------------------
  const rows = () => $$('[data-rows] tbody tr');
  const current = () => $('[data-rows] tr[aria-selected=true]');
  const move = step => {
    const r = rows(); if (!r.length) return;
    const to = Math.max(0, Math.min(r.length - 1, r.indexOf(current()) + step));
    r.forEach((x, k) => k === to ? x.setAttribute('aria-selected', 'true') : x.removeAttribute('aria-selected'));
    r[to].scrollIntoView({ block: 'nearest' });
  };
  let lastPicked = 0;
  const pick = range => {
    const r = rows(), at = r.indexOf(current()); if (at < 0) return;
    if (range) { const [a, b] = [lastPicked, at].sort((x, y) => x - y); r.slice(a, b + 1).forEach(x => { const c = $('input[name=id]', x); if (c) c.checked = true; }); }
    else { $('input[name=id]', r[at])?.click(); lastPicked = at; }
    count();
  };
  const count = () => { const n = $$('tbody input[name=id]:checked').length; $$('[data-count]').forEach(e => write(e, String(n))); };

  // --- Log viewer -----------------------------------------------------------------------------------------------------
  const log = () => $('#log');
  const pressed = name => $(`[data-log=${name}]`)?.getAttribute('aria-pressed') === 'true';
  const press = (name, value) => $(`[data-log=${name}]`)?.setAttribute('aria-pressed', value);
  // Twice: blocks off screen have an estimated height until they are drawn.
  const bottom = () => { if (pressed('follow')) scrollTo({ top: root.scrollHeight }); };
  const tail = () => { bottom(); requestAnimationFrame(() => requestAnimationFrame(bottom)); };
  const unfollow = () => { if (pressed('follow')) press('follow', false); };
  const find = q => {
    let n = 0, first;
    $$('.log code mark').forEach(m => { const p = m.parentNode; m.replaceWith(m.textContent); p.normalize(); });
    const needle = q.toLowerCase();
    if (needle && !/^\/.*\/$/.test(needle)) $$('.log code').forEach(c => {
      const walk = document.createTreeWalker(c, 4), nodes = []; while (walk.nextNode()) nodes.push(walk.currentNode);
      nodes.forEach(node => {
        for (let at; (at = node.data.toLowerCase().indexOf(needle)) >= 0;) {
          const hit = node.splitText(at); node = hit.splitText(needle.length);
          const m = document.createElement('mark'); hit.replaceWith(m); m.append(hit); n++; first ??= m;
        }
      });
    });
    const out = $('[data-hits]'); if (out) out.textContent = q && !/^\/.*\/$/.test(needle) ? `${n} in this window` : '';
    return first;
  };
  const span = () => (location.hash.match(/^#L(\d+)(?:-L(\d+))?$/) || []).slice(1).map(x => x && +x);
  const selectLines = scroll => {
    $$('.log .selected').forEach(x => x.classList.remove('selected'));
    const [from, to = from] = span(); if (!from || !log()) return;
    if (!$('#L' + from)) { const url = new URL(location.href); if (url.searchParams.get('line') !== String(from)) { url.searchParams.set('line', from); location.replace(url); } return; }
    for (let n = from; n <= Math.min(to, from + 5000); n++) $('#L' + n)?.classList.add('selected');
    // Blocks off screen have an estimated height until they are drawn, so the first jump may miss.
    const jump = () => $('#L' + from)?.scrollIntoView({ block: 'center' });
    if (scroll) { jump(); requestAnimationFrame(() => requestAnimationFrame(jump)); }
  };
  const lineClick = (a, e) => {
    const n = +a.parentElement.id.slice(1), [from] = span();
    e.preventDefault(); unfollow();
    const range = e.shiftKey && from && from !== n ? [Math.min(from, n), Math.max(from, n)] : null;
    history.replaceState(history.state, '', range ? `#L${range[0]}-L${range[1]}` : `#L${n}`);
    selectLines(false);
  };
  const walkHits = step => {
    const links = $$('[data-hit]'); if (!links.length) return $$('.log mark')[0]?.scrollIntoView({ block: 'center' });
    const at = +(span()[0] || 0), lines = links.map(a => +a.dataset.hit);
    let to = step > 0 ? lines.findIndex(n => n > at) : lines.findLastIndex(n => n < at);
    if (to < 0) to = step > 0 ? 0 : lines.length - 1;
    links[to].click();
  };
  // At most four windows stay in the page; those scrolled away become a gap of the same height that loads on sight.
  const trim = () => {
    const blocks = $$('#log > ol'); if (blocks.length <= 4) return;
    const middle = scrollY + innerHeight / 2;
    const far = blocks.sort((a, b) => Math.abs(b.offsetTop - middle) - Math.abs(a.offsetTop - middle))[0];
    if (far.id === 'log-lines') return;
    const gap = document.createElement('p'), first = +far.firstElementChild.id.slice(1);
    gap.className = 'log-gap'; gap.style.height = far.offsetHeight + 'px';
    gap.setAttribute('hx-get', log().dataset.window + first); gap.setAttribute('hx-trigger', 'intersect once'); gap.setAttribute('hx-swap', 'outerHTML');
    far.replaceWith(gap); htmx.process(gap);
  };
  on('htmx:after:swap', e => { if (log()?.contains(e.detail.ctx.target) || e.target.closest?.('#log')) { trim(); tail(); } });
  on('htmx:after:sse:message', () => tail());
  addEventListener('hashchange', () => selectLines(true));
  addEventListener('wheel', e => { if (e.deltaY < 0) unfollow(); }, { passive: true });

  // --- Clicks and fields ----------------------------------------------------------------------------------------------
  on('click', e => {
    $$('details.menu[open]').forEach(m => { if (!m.contains(e.target)) m.open = false; });
    if (e.target.id === 'palette' || e.target.id === 'dialog') e.target.close();
    const b = e.target.closest('button, a, summary'); if (!b) return;
    const d = b.dataset;
    if ('themeSet' in d) { e.preventDefault(); theme(d.themeSet); }
    if ('palette' in d) { e.preventDefault(); openPalette(); }
    if (d.errors) { const at = span()[0] || 0, next = d.errors.split(',').map(Number).find(n => n > at); if (next) { e.preventDefault(); unfollow(); location.hash = 'L' + next; } }
    if ('copy' in d) navigator.clipboard?.writeText(d.copy || location.href).then(() => say('Copied'));
    if ('close' in d && b.closest('dialog')) { e.preventDefault(); b.closest('dialog').close(); }
    if (b.type === 'reset') setTimeout(count);
    if (b.matches('.log li > a')) lineClick(b, e);
    if (d.log) {
      const value = !pressed(d.log); press(d.log, value);
      if (d.log === 'wrap') log().classList.toggle('wrapped', value);
      if (d.log === 'time') log().classList.toggle('no-times', !value);
      if (d.log === 'follow') tail();
    }
  });
  on('change', e => {
    if ('all' in e.target.dataset) $$('tbody input[name=id]').forEach(c => c.checked = e.target.checked);
    if (e.target.type === 'file' && e.target.dataset.into) e.target.files[0]?.text().then(t => { $(e.target.dataset.into).value = t; });
    count();
  });
  on('input', e => { if (e.target.matches('[data-log-find]')) find(e.target.value.trim()); });
  on('toggle', e => { if (e.target.matches?.('details.menu') && e.target.open) $$('details.menu[open]').forEach(m => { if (m !== e.target) m.open = false; }); }, true);

  // --- Keys: [data-key] names the key of a control, [data-goto] the second key after g -------------------------------------
  let chord = 0;
  on('keydown', e => {
    const palette = $('#palette');
    if ((e.metaKey || e.ctrlKey) && e.key === 'k') { e.preventDefault(); return openPalette(); }
    if ((e.metaKey || e.ctrlKey) && e.key === 'Enter') return $('[data-submit]', e.target.form || document)?.click();
    if (palette?.open) {
      const h = hits(), at = h.findIndex(a => a.classList.contains('active'));
      if (e.key === 'ArrowDown' || e.key === 'ArrowUp') { e.preventDefault(); mark((at + (e.key === 'ArrowDown' ? 1 : -1) + h.length) % h.length); }
      if (e.key === 'Enter' && h[at]) { e.preventDefault(); h[at].click(); }
      return;
    }
    if (e.key === 'Escape') return $$('details.menu[open]').forEach(m => { m.open = false; $('summary', m).focus(); });
    if (e.metaKey || e.ctrlKey || e.altKey || root.dataset.keys === 'off' || $('dialog[open]')) return;
    if (e.target.matches('input:not([type=checkbox]), select, textarea')) return;
    if (Date.now() - chord < 1200) { chord = 0; const a = $(`[data-goto="${CSS.escape(e.key)}"]`); if (a) location.href = a.href; return; }
    const act = { g: () => chord = Date.now(), j: () => move(1), k: () => move(-1), x: () => pick(false), X: () => pick(true), p: pause,
      n: () => walkHits(1), N: () => walkHits(-1), End: log() && (() => { press('follow', true); tail(); }),
      Enter: e.target === document.body && current() && (() => $('a', current()).click()) }[e.key];
    const control = $$(`[data-key="${CSS.escape(e.key)}"]`).find(el => el.checkVisibility?.() ?? true);
    if (act || control) { e.preventDefault(); act ? act() : control.click(); }
  });

  const start = () => {
    count(); selectLines(true); if (log()) { if (span()[0]) unfollow(); tail(); const f = $('[data-log-find]'); if (f?.value) find(f.value); }
    if (location.hash === '#palette') openPalette();
    setInterval(tick, 1000);
  };
  document.readyState === 'loading' ? on('DOMContentLoaded', start) : start();
})();
