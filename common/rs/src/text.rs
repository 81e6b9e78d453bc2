//! Texts from outside: size and encoding limits, and TOML to JSON.

use serde_json::Value as Json;
use toml::Value as Toml;

/// CMN_RS_MAX_TEXT of the header.
pub const MAX_TEXT: usize = 8 << 20;

pub fn utf8(bytes: &[u8]) -> Result<&str, String> {
    if bytes.len() > MAX_TEXT {
        return Err(format!(
            "the text is {} bytes long, more than {MAX_TEXT}",
            bytes.len()
        ));
    }
    std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to()))
}

fn json(v: Toml) -> Json {
    match v {
        Toml::String(s) => Json::String(s),
        Toml::Integer(i) => Json::from(i),
        Toml::Float(f) => Json::from(f), // inf and nan: null
        Toml::Boolean(b) => Json::Bool(b),
        Toml::Datetime(d) => Json::String(d.to_string()),
        Toml::Array(a) => Json::Array(a.into_iter().map(json).collect()),
        Toml::Table(t) => Json::Object(t.into_iter().map(|(k, v)| (k, json(v))).collect()),
    }
}

pub fn toml_to_json(bytes: &[u8]) -> Result<String, String> {
    let table: toml::Table = toml::from_str(utf8(bytes)?).map_err(|e| e.to_string())?;
    serde_json::to_string(&json(Toml::Table(table))).map_err(|e| e.to_string())
}
