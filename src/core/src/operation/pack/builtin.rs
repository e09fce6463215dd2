//! The packs that ship with the filter.

macro_rules! packs {
    ($( $name:literal ),+ $(,)?) => {
        /// Names of the built-in packs.
        pub const BUILTIN_NAMES: &[&str] = &[$($name),+];

        /// The text of the pack of that name.
        pub(super) fn text(name: &str) -> Option<&'static str> {
            match name {
                $( $name => Some(include_str!(concat!("../../../packs/", $name, ".pack"))), )+
                _ => None,
            }
        }
    };
}

packs![
    "openai",
    "autogen-studio",
    "autogen-studio-ui",
    "autogen-serve",
    "mcp",
    "a2a",
    "agent-framework",
    "autogen-grpc",
];
