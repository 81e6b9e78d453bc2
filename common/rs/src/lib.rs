//! Rego and TOML behind a C face; cmn-rs.h tells the contract. Here is the edge: the only unsafe
//! code. It turns C pointers into slices, catches panics, and turns results into malloc-like texts.

mod depth;
mod rego;
mod text;

use std::ffi::{c_char, c_int, c_uint, c_void, CStr, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

/// cmn_rs_rego_lookup of the header.
pub type Lookup = unsafe extern "C" fn(
    ctx: *mut c_void,
    name: *const c_char,
    name_len: usize,
    ret_json: *mut *mut c_char,
) -> c_int;

extern "C" {
    fn free(p: *mut c_void);
}

const ERROR: c_int = -1;
const ABSENT: c_int = 0;
const VALUE: c_int = 1;
const UNDEFINED: c_int = 2;

/// A text for C. A NUL inside (it can come from a policy's string) would cut it: it becomes U+FFFD.
fn c_text(s: String) -> *mut c_char {
    CString::new(s)
        .unwrap_or_else(|e| {
            let clean = String::from_utf8_lossy(&e.into_vec()).replace('\0', "\u{fffd}");
            CString::new(clean).unwrap_or_default()
        })
        .into_raw()
}

/// # Safety
/// `text` is NULL or valid for `len` bytes during the call.
unsafe fn bytes<'a>(text: *const c_char, len: usize) -> &'a [u8] {
    if text.is_null() || len == 0 {
        return &[];
    }
    unsafe { std::slice::from_raw_parts(text.cast::<u8>(), len) }
}

/// # Safety
/// `out` is NULL or valid for a write.
unsafe fn put(out: *mut *mut c_char, s: String) {
    if !out.is_null() {
        unsafe { out.write(c_text(s)) }
    }
}

fn panic_text(p: Box<dyn std::any::Any + Send>) -> String {
    let what = p
        .downcast_ref::<&str>()
        .map(|s| s.to_string())
        .or_else(|| p.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    format!("internal error: {what}")
}

/// Runs `f`; an error or a panic is written to `ret_error` and gives `fail`.
///
/// # Safety
/// `ret_error` is NULL or valid for a write.
unsafe fn entry<T>(
    fail: T,
    ret_error: *mut *mut c_char,
    f: impl FnOnce() -> Result<T, String>,
) -> T {
    static QUIET: Once = Once::new();
    // The panic becomes an error text: no second copy on stderr.
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let error = match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(v)) => return v,
        Ok(Err(e)) => e,
        Err(p) => panic_text(p),
    };
    unsafe { put(ret_error, error) };
    fail
}

/// A C callback as a Rust function: name -> JSON text, or None for null.
struct Callback {
    lookup: Lookup,
    ctx: *mut c_void,
}

// The engine calls it on the thread that evaluates, and the header forbids two at a time.
unsafe impl Send for Callback {}
unsafe impl Sync for Callback {}

impl rego::Source for Callback {
    fn find(&self, name: &str) -> Result<Option<String>, String> {
        let c_name = CString::new(name).map_err(|_| "a name has a NUL in it".to_string())?;
        let mut json: *mut c_char = std::ptr::null_mut();
        let r = unsafe { (self.lookup)(self.ctx, c_name.as_ptr(), name.len(), &mut json) };
        let found = if json.is_null() {
            None
        } else {
            let copy = unsafe { CStr::from_ptr(json) }.to_bytes().to_vec();
            unsafe { free(json.cast()) };
            Some(copy)
        };
        if r < 0 {
            return Err("the lookup failed".to_string());
        }
        found
            .map(|b| String::from_utf8(b).map_err(|_| "the value is not UTF-8".to_string()))
            .transpose()
    }
}

/// # Safety
/// `text` came from this library, or is NULL.
#[no_mangle]
pub unsafe extern "C" fn cmn_rs_free(text: *mut c_char) {
    if !text.is_null() {
        drop(unsafe { CString::from_raw(text) });
    }
}

/// # Safety
/// As the header says; the same holds for all below.
#[no_mangle]
pub unsafe extern "C" fn cmn_rs_toml_to_json(
    text: *const c_char,
    len: usize,
    ret_error: *mut *mut c_char,
) -> *mut c_char {
    unsafe {
        entry(std::ptr::null_mut(), ret_error, || {
            text::toml_to_json(bytes(text, len)).map(c_text)
        })
    }
}

/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn cmn_rs_rego_new() -> *mut rego::Engine {
    unsafe {
        entry(std::ptr::null_mut(), std::ptr::null_mut(), || {
            Ok(Box::into_raw(Box::new(rego::Engine::new())))
        })
    }
}

/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn cmn_rs_rego_free(rego: *mut rego::Engine) {
    if !rego.is_null() {
        unsafe {
            entry((), std::ptr::null_mut(), || {
                drop(Box::from_raw(rego));
                Ok(())
            })
        }
    }
}

/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn cmn_rs_rego_add_policy(
    rego: *mut rego::Engine,
    path: *const c_char,
    text: *const c_char,
    len: usize,
    ret_error: *mut *mut c_char,
) -> c_int {
    unsafe {
        entry(ERROR, ret_error, || {
            let path = CStr::from_ptr(path).to_string_lossy();
            (*rego).add_policy(&path, bytes(text, len)).map(|()| 0)
        })
    }
}

/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn cmn_rs_rego_set_data(
    rego: *mut rego::Engine,
    json: *const c_char,
    len: usize,
    ret_error: *mut *mut c_char,
) -> c_int {
    unsafe {
        entry(ERROR, ret_error, || {
            (*rego).set_data(bytes(json, len)).map(|()| 0)
        })
    }
}

/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn cmn_rs_rego_set_input(
    rego: *mut rego::Engine,
    json: *const c_char,
    len: usize,
    ret_error: *mut *mut c_char,
) -> c_int {
    unsafe {
        entry(ERROR, ret_error, || {
            (*rego).set_input(bytes(json, len)).map(|()| 0)
        })
    }
}

/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn cmn_rs_rego_set_lookup(
    rego: *mut rego::Engine,
    lookup: Lookup,
    ctx: *mut c_void,
    ret_error: *mut *mut c_char,
) -> c_int {
    unsafe {
        entry(ERROR, ret_error, || {
            (*rego).set_source(Callback { lookup, ctx }).map(|()| 0)
        })
    }
}

/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn cmn_rs_rego_set_deadline(rego: *mut rego::Engine, timeout_ms: c_uint) {
    unsafe {
        entry((), std::ptr::null_mut(), || {
            (*rego).set_deadline(timeout_ms);
            Ok(())
        })
    }
}

/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn cmn_rs_rego_eval_rule(
    rego: *mut rego::Engine,
    rule: *const c_char,
    ret_json: *mut *mut c_char,
    ret_error: *mut *mut c_char,
) -> c_int {
    unsafe {
        entry(ERROR, ret_error, || {
            let rule = CStr::from_ptr(rule)
                .to_str()
                .map_err(|_| "the rule path is not UTF-8".to_string())?;
            Ok(match (*rego).eval_rule(rule)? {
                rego::Outcome::Absent => ABSENT,
                rego::Outcome::Undefined => UNDEFINED,
                rego::Outcome::Value(json) => {
                    put(ret_json, json);
                    VALUE
                }
            })
        })
    }
}
