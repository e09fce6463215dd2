//! The commands of README.md and of docs/: each is run, and prints what its page says.

mod console;

use console::root;

#[test]
fn documented_commands_do_what_the_pages_say() {
    let mut pages = vec![root().join("README.md")];
    for page in std::fs::read_dir(root().join("docs")).unwrap() {
        let page = page.unwrap().path();
        if page.extension().is_some_and(|e| e == "md") {
            pages.push(page);
        }
    }
    for page in pages.iter().filter(|page| page.exists()) {
        console::run(page, Some(&root().join("docs/examples")));
    }
}
