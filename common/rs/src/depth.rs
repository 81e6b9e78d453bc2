//! How deep may a policy nest? regorus walks an expression by recursion: a policy of a hundred thousand
//! signs would overflow the stack, which nothing can catch. So it is counted before it is parsed.

/// Tokens of one expression together with those around it. The deepest policies in use have some 40.
pub const MAX_DEPTH: usize = 1000;

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80
}

/// Past the string or comment that begins at `i`.
fn skip(text: &[u8], i: usize) -> usize {
    let quote = text[i];
    let mut j = i + 1;
    while j < text.len() {
        match (quote, text[j]) {
            (b'#', b'\n') => return j, // the newline counts
            (b'"', b'\\') => j += 1,
            (b'#', _) => {}
            (_, c) if c == quote => return j + 1,
            _ => {}
        }
        j += 1;
    }
    text.len()
}

/// Does the expression end with this line? Not if one side of the line break is an operator.
fn line_ends(last: u8, rest: &[u8]) -> bool {
    let next = rest
        .iter()
        .find(|b| !b.is_ascii_whitespace())
        .copied()
        .unwrap_or(b'\n');
    let closes = |b: u8| is_word(b) || matches!(b, b'"' | b'`' | b')' | b']' | b'}');
    let opens = |b: u8| is_word(b) || matches!(b, b'"' | b'`' | b'#' | b'}' | b'{' | b'\n');
    closes(last) && opens(next)
}

/// The line (from 1) at which the policy is too deep.
pub fn too_deep(text: &str) -> Option<usize> {
    let text = text.as_bytes();
    let mut outer: Vec<usize> = Vec::new(); // tokens of the expressions around the brackets
    let (mut total, mut here, mut line) = (0, 0, 1);
    let (mut last, mut i) = (b' ', 0);

    while i < text.len() {
        let b = text[i];
        let start = i;
        i = if matches!(b, b'"' | b'`' | b'#') {
            skip(text, i)
        } else {
            i + 1
        };
        if b != b'\n' {
            line += text[start..i].iter().filter(|b| **b == b'\n').count();
        }
        match b {
            b'\n' => {
                line += 1;
                if line_ends(last, &text[i..]) {
                    here = 0;
                }
            }
            b'#' | b' ' | b'\t' | b'\r' => {}
            b',' | b';' => here = 0,
            b'(' | b'[' | b'{' => {
                outer.push(here + 1);
                total += here + 1;
                here = 0;
            }
            b')' | b']' | b'}' => {
                here = outer.pop().unwrap_or(0);
                total -= here;
            }
            _ if is_word(b) && start > 0 && is_word(text[start - 1]) => {}
            _ => here += 1,
        }
        if total + here > MAX_DEPTH {
            return Some(line);
        }
        if !b.is_ascii_whitespace() && b != b'#' {
            last = b;
        }
    }
    None
}
