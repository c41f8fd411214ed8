// Behaviour of every dashboard page. All pages read and submit without it.
(() => {
	const root = document.documentElement;
	const find = (selector, within = document) => within.querySelector(selector);
	const findAll = (selector, within = document) => [...within.querySelectorAll(selector)];
	const listen = (type, handler, options) => document.addEventListener(type, handler, options);

	function setText(element, text) {
		if (element.textContent !== text) element.textContent = text;
	}

	/** Say something to screen readers. */
	function announce(text) {
		find("#say").textContent = text;
	}

	// --- Theme: a cookie that the server reads, so the first paint is right ---

	function setTheme(choice) {
		document.cookie = `theme=${choice};path=/;max-age=${choice ? 31536000 : 0};samesite=lax`;
		if (choice) root.dataset.theme = choice;
		else delete root.dataset.theme;
		for (const button of findAll("[data-theme-set]")) {
			button.setAttribute("aria-pressed", button.dataset.themeSet === choice);
		}
	}

	// --- Clocks: the server sends a moment, the browser counts ---

	const twoDigits = (number) => String(number).padStart(2, "0");
	const secondsSince = (stamp) => (Date.now() - Date.parse(stamp)) / 1000;

	/** `2m 14s`: the two largest units, as the server writes them. */
	function duration(seconds) {
		const total = Math.max(0, Math.floor(seconds));
		const minutes = Math.floor(total / 60);
		const hours = Math.floor(total / 3600);
		if (total < 60) return `${total}s`;
		if (total < 3600) return `${minutes}m ${twoDigits(total % 60)}s`;
		if (total < 86400) return `${hours}h ${twoDigits(minutes % 60)}m`;
		return `${Math.floor(hours / 24)}d ${hours % 24}h`;
	}

	function tick() {
		if (document.hidden) return;
		for (const time of findAll("time[data-since]")) setText(time, duration(secondsSince(time.dataset.since)));
		for (const time of findAll("time[data-until]")) setText(time, `in ${duration(-secondsSince(time.dataset.until))}`);
		for (const time of findAll("time[data-ago]")) setText(time, duration(secondsSince(time.dateTime)).split(" ")[0]);
		showLiveness();
	}

	// --- Live updates: polls are quiet in hidden tabs, wait longer after failures, and keep the page ---

	const failures = new WeakMap(); // element that polls: requests that failed in a row
	const quietUntil = new WeakMap(); // element that polls: when it may ask again, in ms
	let lastSuccess = Date.now();
	let failing = false;
	let paused = false;
	let signedOut = false;

	const isPoll = (event) => event.detail?.ctx?.sourceEvent?.type === "every";

	function showLiveness() {
		const silence = Date.now() - lastSuccess;
		const stale = find("#stale");
		stale.hidden = !failing || silence <= 30000;
		setText(find("[data-stale]", stale), duration(silence / 1000));
		let [tone, word] = ["ok", "Live"];
		if (failing) [tone, word] = ["fix", "Reconnecting"];
		if (paused) [tone, word] = ["idle", "Paused"];
		for (const badge of findAll(".live")) {
			setText(badge, word);
			badge.dataset.tone = tone;
		}
	}

	function pollSucceeded(element) {
		lastSuccess = Date.now();
		failing = false;
		failures.delete(element);
		showLiveness();
	}

	function pollFailed(element) {
		const count = (failures.get(element) ?? 0) + 1;
		const interval = parseFloat(element.getAttribute("hx-trigger")?.replace("every", "")) || 3;
		failing = true;
		failures.set(element, count);
		quietUntil.set(element, Date.now() + Math.min(60, interval * 2 ** count) * 1000);
		showLiveness();
	}

	function pollAll() {
		for (const element of findAll('[hx-trigger^="every"]')) htmx.trigger(element, "every", {}, false);
	}

	function togglePause() {
		paused = !paused;
		announce(paused ? "Live updates paused" : "Live updates on");
		showLiveness();
		if (!paused) pollAll();
	}

	listen("htmx:before:request", (event) => {
		const quiet = Date.now() < (quietUntil.get(event.target) ?? 0);
		if (isPoll(event) && (paused || signedOut || document.hidden || quiet)) event.preventDefault();
	});
	listen("htmx:after:request", (event) => {
		const status = event.detail.ctx.response.status;
		setSignedOut(status === 401);
		if (status === 401) return;
		if (isPoll(event) && status < 500) pollSucceeded(event.target);
		else if (isPoll(event)) pollFailed(event.target);
		else
			showFailure(
				event.target,
				status < 500 ? "" : `Engine answered with error ${status}. Reload to see what was done.`,
			);
	});
	listen("htmx:error", (event) => {
		if (isPoll(event)) pollFailed(event.target);
		else showFailure(event.target, "No answer from Engine. Check the connection, then try again.");
	});
	listen("htmx:after:sse:connection", (event) => pollSucceeded(event.target));
	listen("htmx:sse:error", () => {
		failing = true;
		showLiveness();
	});
	listen("visibilitychange", () => {
		if (document.hidden) return;
		if (signedOut) renewToken();
		signedOut = false; // the next answer tells
		pollAll();
	});

	// --- Signed out: the page and what was typed stay; nothing is asked until its tab is looked at again ---

	function setSignedOut(now) {
		signedOut = now;
		find("#signed-out").hidden = !now;
	}

	/** Signing in, in another tab, changes the token that forms and requests must carry. */
	function renewToken() {
		const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
		if (!token) return;
		document.body.setAttribute("hx-headers:inherited", JSON.stringify({ "X-CSRFToken": token }));
		for (const field of findAll("input[name=csrfmiddlewaretoken]")) field.value = token;
	}

	// --- Failed requests: a sentence beside the control that sent it ---

	function showFailure(element, text) {
		const place = element.closest("form") ?? element;
		find("[data-failure]", place.parentElement ?? place)?.remove();
		if (!text) return;
		const sentence = document.createElement("p");
		sentence.className = "field-error";
		sentence.dataset.failure = "";
		sentence.setAttribute("role", "alert");
		sentence.textContent = text;
		place.append(sentence);
	}

	// --- Dialogs: a link to a confirm page opens as a dialog here ---

	let opener;

	listen("htmx:after:swap", (event) => {
		const target = event.detail.ctx.target;
		if (target?.id !== "dialog" || !target.childElementCount || target.open) return;
		opener = document.activeElement;
		target.showModal();
	});
	listen("htmx:after:request", (event) => {
		const dialog = find("#dialog");
		const status = event.detail.ctx.response.status;
		if (!dialog.open || !dialog.contains(event.target) || status >= 500 || status === 422) return;
		dialog.close();
		dialog.replaceChildren();
		(opener?.isConnected ? opener : find("#main")).focus?.();
	});

	// --- Command palette: a dialog over the plain /search page ---

	const paletteLinks = () => findAll("#pal-list a");
	const activeLink = () => paletteLinks().findIndex((link) => link.classList.contains("active"));

	function activateLink(index) {
		const links = paletteLinks();
		links.forEach((link, at) => {
			link.classList.toggle("active", at === index);
		});
		links[index]?.scrollIntoView({ block: "nearest" });
	}

	function openPalette() {
		const palette = find("#palette");
		if (palette.open) return;
		const input = find("input", palette);
		palette.showModal();
		input.select();
		htmx.ajax("GET", `${input.getAttribute("hx-get")}?q=${encodeURIComponent(input.value)}`, { target: "#pal-list" });
	}

	function paletteKey(event) {
		const links = paletteLinks();
		const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		if (step) activateLink((activeLink() + step + links.length) % links.length);
		else if (event.key === "Enter" && activeLink() >= 0) links[activeLink()].click();
		else return;
		event.preventDefault();
	}

	listen("htmx:after:swap", (event) => {
		if (event.detail.ctx.target?.id === "pal-list") activateLink(0);
	});

	// --- Lists: one row is current, some are selected ---

	const rows = () => findAll("[data-rows] tbody tr");
	const currentRow = () => find("[data-rows] tr[aria-selected=true]");
	let lastPicked = 0;

	function moveTo(step) {
		const all = rows();
		if (!all.length) return;
		const next = all[Math.max(0, Math.min(all.length - 1, all.indexOf(currentRow()) + step))];
		currentRow()?.removeAttribute("aria-selected");
		next.setAttribute("aria-selected", "true");
		next.scrollIntoView({ block: "nearest" });
	}

	function openRow(event) {
		if (event.target !== document.body || !currentRow()) return false;
		find("a", currentRow()).click();
	}

	function pickRow() {
		const at = rows().indexOf(currentRow());
		if (at < 0) return;
		find("input[name=id]", currentRow())?.click();
		lastPicked = at;
		showCount();
	}

	function pickRange() {
		const at = rows().indexOf(currentRow());
		if (at < 0) return;
		for (const row of rows().slice(Math.min(at, lastPicked), Math.max(at, lastPicked) + 1)) {
			const box = find("input[name=id]", row);
			if (box) box.checked = true;
		}
		showCount();
	}

	function showCount() {
		const count = findAll("tbody input[name=id]:checked").length;
		for (const element of findAll("[data-count]")) setText(element, String(count));
	}

	// --- Clicks and fields ---

	function closeMenus(except) {
		for (const menu of findAll("details.menu[open]")) {
			if (!menu.contains(except)) menu.open = false;
		}
	}

	listen("click", (event) => {
		closeMenus(event.target);
		if (event.target.matches("#palette, #dialog")) event.target.close(); // the backdrop
		const control = event.target.closest("button, a, summary");
		if (!control) return;
		const { themeSet, palette, copy, close } = control.dataset;
		const dialog = close !== undefined && control.closest("dialog");
		if (themeSet !== undefined || palette !== undefined || dialog) event.preventDefault();
		if (themeSet !== undefined) setTheme(themeSet);
		if (palette !== undefined) openPalette();
		if (dialog) dialog.close();
		if (copy !== undefined) navigator.clipboard?.writeText(copy || location.href).then(() => announce("Copied"));
		if (control.type === "reset") setTimeout(showCount);
	});
	listen("change", (event) => {
		const { all, into } = event.target.dataset;
		if (all !== undefined) {
			for (const box of findAll("tbody input[name=id]")) box.checked = event.target.checked;
		}
		if (into && event.target.type === "file") {
			event.target.files[0]?.text().then((text) => {
				find(into).value = text;
			});
		}
		showCount();
	});
	listen(
		"toggle",
		(event) => {
			if (event.target.matches?.("details.menu") && event.target.open) closeMenus(event.target);
		},
		true,
	);

	// --- Keys: data-key names the key of a control, data-goto the second key after g ---

	const shortcuts = {
		g: () => {
			chordStarted = Date.now();
		},
		j: () => moveTo(1),
		k: () => moveTo(-1),
		x: pickRow,
		X: pickRange,
		p: togglePause,
		Enter: openRow,
	};
	let chordStarted = 0;

	function endChord(event) {
		chordStarted = 0;
		const link = find(`[data-goto="${CSS.escape(event.key)}"]`);
		if (link) location.href = link.href;
	}

	function leaveMenu() {
		const menu = find("details.menu[open]");
		if (!menu) return;
		menu.open = false;
		find("summary", menu).focus();
	}

	function pressShortcut(event) {
		const act = shortcuts[event.key];
		const control = findAll(`[data-key="${CSS.escape(event.key)}"]`).find((one) => one.checkVisibility?.() ?? true);
		if (act ? act(event) === false : !control) return;
		if (!act) control.click();
		event.preventDefault();
	}

	listen("keydown", (event) => {
		const command = event.metaKey || event.ctrlKey;
		if (command && event.key === "k") {
			event.preventDefault();
			openPalette();
		} else if (command && event.key === "Enter") {
			find("[data-submit]", event.target.form || document)?.click();
		} else if (find("#palette").open) {
			paletteKey(event);
		} else if (event.key === "Escape") {
			leaveMenu();
		} else if (command || event.altKey || root.dataset.keys === "off" || find("dialog[open]")) {
			return;
		} else if (event.target.matches("input:not([type=checkbox]), select, textarea")) {
			return;
		} else if (Date.now() - chordStarted < 1200) {
			endChord(event);
		} else {
			pressShortcut(event);
		}
	});

	root.classList.add("has-js");
	window.Engine = { find, findAll, listen, shortcuts }; // for scripts of single pages
	showCount();
	find("[aria-invalid=true]")?.focus();
	if (location.hash === "#palette") openPalette();
	setInterval(tick, 1000);
})();
