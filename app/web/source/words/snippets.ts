// The very question that was asked, for those who want to ask it from a program.

export type Language = "curl" | "Python" | "TypeScript";
export const LANGUAGES: Language[] = ["curl", "Python", "TypeScript"];

export interface Call {
  origin: string;
  path: string;
  body: object;
  needsKey: boolean;
}

/** Write a call as code. A key never stands in it: it is read from LIFT_API_KEY. */
export function snippet(language: Language, call: Call): string {
  return { curl, Python: python, TypeScript: typescript }[language](call);
}

function curl({ origin, path, body, needsKey }: Call): string {
  const lines = [
    `curl ${shellQuoted(origin + path)}`,
    ...(needsKey ? [`-H "Authorization: Bearer $LIFT_API_KEY"`] : []),
    "-H 'Content-Type: application/json'",
    `-d ${shellQuoted(JSON.stringify(body))}`,
  ];
  return lines.join(" \\\n  ");
}

function python({ origin, path, body, needsKey }: Call): string {
  const headers = needsKey
    ? ['    headers={"Authorization": f"Bearer {os.environ[\'LIFT_API_KEY\']}"},']
    : [];
  return [
    ...(needsKey ? ["import os", ""] : []),
    "import httpx",
    "",
    "response = httpx.post(",
    `    ${JSON.stringify(origin + path)},`,
    `    json=${pythonLiteral(body)},`,
    ...headers,
    "    timeout=600,",
    ")",
    "response.raise_for_status()",
    'print(response.json()["answer"])',
  ].join("\n");
}

function typescript({ origin, path, body, needsKey }: Call): string {
  const key = needsKey ? ["    Authorization: `Bearer ${process.env.LIFT_API_KEY}`,"] : [];
  return [
    `const response = await fetch(${JSON.stringify(origin + path)}, {`,
    '  method: "POST",',
    "  headers: {",
    '    "Content-Type": "application/json",',
    ...key,
    "  },",
    `  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll("\n", "\n  ")}),`,
    "});",
    "if (!response.ok) throw new Error((await response.json()).detail);",
    "const { answer }: { answer: string } = await response.json();",
    "console.log(answer);",
  ].join("\n");
}

function shellQuoted(words: string): string {
  return `'${words.replaceAll("'", "'\\''")}'`;
}

/** JSON as Python writes it; its strings and numbers are Python's, too. */
function pythonLiteral(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null || value === undefined) return "None";
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${pythonLiteral(each)}`);
  return `{${members.join(", ")}}`;
}
