/** The look of a report on screen and on paper. */
export const reportStyle = `
:root{color-scheme:light;font:14px/1.5 system-ui,"Noto Sans","Noto Sans CJK SC",sans-serif;color:#1c2733;background:#fff}
body{max-width:68rem;margin:2.5rem auto;padding:0 1.5rem}
header{border-bottom:3px solid #1c2733;margin-bottom:1.5rem;padding-bottom:1rem}
.kind{text-transform:uppercase;letter-spacing:.12em;font-size:.75rem;color:#566575;margin:0}
h1{font-size:2.1rem;margin:.2rem 0 .6rem}h2{font-size:1.2rem;margin:2rem 0 .6rem;border-bottom:1px solid #c9d2db;padding-bottom:.2rem}h3{font-size:1rem;margin:1rem 0 .3rem}
.verdict{display:inline-block;font-size:1.2rem;font-weight:600;padding:.35rem .9rem;border-radius:.4rem;background:#e8edf2}
.verdict.ok{background:#d9f2e3;color:#0b4d2a}.verdict.watch{background:#fdf3d3;color:#5c4300}.verdict.degraded{background:#fde3cf;color:#6b2d00}.verdict.critical{background:#fbd9d9;color:#7a0b0b}
table{border-collapse:collapse;width:100%;font-size:.86rem}th,td{text-align:left;padding:.3rem .45rem;border-bottom:1px solid #e1e7ec;vertical-align:top;font-variant-numeric:tabular-nums}thead th{color:#566575;font-weight:600}tbody th{white-space:nowrap}sup{line-height:0}
article{border-left:4px solid #8796a5;padding:.1rem 0 .1rem .9rem;margin:.8rem 0;break-inside:avoid}article.critical{border-color:#b3261e}article.degraded{border-color:#c4560b}article.watch{border-color:#b08900}
.missing{color:#6b4a00;font-style:italic}:lang(zh-CN) .missing{font-style:normal}table+p.small{margin:.3rem 0 0}p.small+p.small{margin:.1rem 0}.small,footer{font-size:.78rem;color:#566575}
pre{background:#f3f6f9;padding:.5rem .7rem;border-radius:.3rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.78rem}
meter{width:12rem;vertical-align:middle}details{margin:.25rem 0}footer{margin-top:3rem;border-top:1px solid #c9d2db;padding-top:.5rem}
@media print{body{margin:0;max-width:none}details{break-inside:avoid}}
`;
